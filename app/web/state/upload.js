/** Sending a large body, and telling how much of it has gone: `fetch` does not know. */

/** @param {(part: number) => void} tell from 0 to 1 @returns {import("./service.js").Send} */
export const uploading = (tell) => (url, { method = "POST", body, headers, signal }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    headers.forEach((value, name) => request.setRequestHeader(name, value));
    request.responseType = "blob";
    request.upload.onprogress = ({ loaded, total }) => tell(total ? loaded / total : 0);
    request.onload = () => resolve(new Response(request.response, { status: request.status, statusText: request.statusText, headers: headersOf(request) }));
    request.onerror = () => reject(new TypeError("There was no answer."));
    request.onabort = () => reject(new DOMException("It was cancelled.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(/** @type {XMLHttpRequestBodyInit} */ (body));
  });

/** @param {XMLHttpRequest} request */
function headersOf(request) {
  const lines = request.getAllResponseHeaders().trim().split(/[\r\n]+/);
  return new Headers(lines.map((line) => /** @type {[string, string]} */ (line.split(/:\s*(.*)/, 2))));
}

/** The service's own example of a style, fetched with the API key where there is one. */
import { html, useEffect, useState } from "../view.js";
import { key } from "../state/access.js";
import { address, call } from "../state/service.js";

/** @param {{style: import("../state/catalogue.js").Style}} props */
export function StylePicture({ style }) {
  const path = `v1/styles/${encodeURIComponent(style.id)}/preview?model=${encodeURIComponent(style.model)}`;
  return html`<${Picture} path=${path} alt="" />`;
}

/**
 * A picture of the service. `version` names what it shows: when that changes, it is fetched again.
 * @param {{path: string, alt: string, operator?: boolean, version?: string|number, kind?: string}} props
 */
export function Picture({ path, alt, operator = false, version = "", kind = "" }) {
  const [url, show] = useState(operator || key.value ? null : address(path).href);
  useEffect(() => {
    if (!operator && !key.value) return show(address(path).href + (version === "" ? "" : `#${version}`));
    const gone = new AbortController();
    call(path, { operator, signal: gone.signal })
      .then((response) => response.blob())
      .then((blob) => !gone.signal.aborted && show(URL.createObjectURL(blob)))
      .catch(() => {});
    return () => gone.abort();
  }, [path, version, key.value]);
  useEffect(() => () => void (url?.startsWith("blob:") && URL.revokeObjectURL(url)), [url]);
  return url ? html`<img class=${kind} src=${url} alt=${alt} loading="lazy" />` : html`<span class="blank ${kind}"></span>`;
}

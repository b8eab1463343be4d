/** Takes a photo with the device's camera. */
import { html, signal, useEffect, useRef, useState } from "../view.js";
import { take } from "../state/photo.js";

export const takingPhoto = signal(false);

export function Camera() {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const video = useRef(/** @type {HTMLVideoElement|null} */ (null));
  const [complaint, complain] = useState("");
  useEffect(() => {
    dialog.current?.showModal();
    /** @type {MediaStream|null} */
    let stream = null;
    let over = false;
    navigator.mediaDevices
      .getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } })
      .then((given) => {
        stream = given;
        if (over || !video.current) return stop(given);
        video.current.srcObject = given;
      })
      .catch(() => complain("The camera cannot be used. The browser may have been told not to let this page use it."));
    return () => {
      over = true;
      if (stream) stop(stream);
    };
  }, []);

  async function shoot() {
    const frame = /** @type {HTMLVideoElement} */ (video.current);
    const canvas = document.createElement("canvas");
    canvas.width = frame.videoWidth;
    canvas.height = frame.videoHeight;
    canvas.getContext("2d")?.drawImage(frame, 0, 0);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
    takingPhoto.value = false;
    await take(/** @type {Blob} */ (blob), { name: "camera" });
  }

  return html`<dialog ref=${dialog} class="dialog camera" aria-label="Take a photo" onClose=${() => (takingPhoto.value = false)}>
    ${complaint ? html`<p role="alert">${complaint}</p>` : html`<video ref=${video} autoplay playsinline muted></video>`}
    <div class="row end">
      <button onClick=${() => (takingPhoto.value = false)}>Cancel</button>
      ${!complaint && html`<button class="primary" onClick=${shoot}>Take the photo</button>`}
    </div>
  </dialog>`;
}

/** @param {MediaStream} stream */
const stop = (stream) => stream.getTracks().forEach((track) => track.stop());

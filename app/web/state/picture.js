/** Pictures as the browser reads them: decoded, made smaller, encoded. */

/**
 * A picture of at most so many pixels an edge, as JPEG; orientation in EXIF is applied.
 * @param {ImageBitmap} bitmap @param {number} edge @param {number} quality 0 to 1 @returns {Promise<Blob>}
 */
export async function shrunk(bitmap, edge, quality) {
  const canvas = drawn(bitmap, bitmap, edge);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no JPEG"))), "image/jpeg", quality);
  });
}

/** As a `data:` address, for what is kept as text. @param {Blob} blob @param {number} edge */
export async function thumbnail(blob, edge) {
  const bitmap = await createImageBitmap(blob);
  const canvas = drawn(bitmap, bitmap, edge);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.75);
}

/** Within so many pixels an edge. @param {{width: number, height: number}} size @param {number} edge */
export function fitted({ width, height }, edge) {
  const scale = Math.min(1, edge / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** @param {CanvasImageSource} image @param {{width: number, height: number}} size its own @param {number} edge in pixels, at most */
export function drawn(image, size, edge) {
  const canvas = Object.assign(document.createElement("canvas"), fitted(size, edge));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  // JPEG has no transparency, and the service shows it as white.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Seen by the browser already, so that it takes another's place without a flicker. @param {string} url */
export async function shown(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return { width: image.naturalWidth, height: image.naturalHeight };
}

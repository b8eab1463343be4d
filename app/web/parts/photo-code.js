/** The request as code, and the files that it reads. */
import { html, useEffect, useState } from "../view.js";
import { dragging, options } from "../state/options.js";
import { photo } from "../state/photo.js";
import { masks } from "../state/region-form.js";
import { AsCode } from "./as-code.js";
import { codeFor } from "./code.js";
import { EXTENSIONS, stem } from "./output.js";

export function Code() {
  if (!photo.value) return null;
  const file = fileOf();
  const { file: sent, url } = photo.value;
  return html`<${AsCode} code=${(/** @type {import("./as-code.js").Language} */ language) => codeFor(language, options.value, file, sent.type)}>
    <p class="fine soft">It reads <a href=${url} download=${file}>${file}</a><${Masks} />.</p>
  <//>`;
}

/** What was painted with the brush, as files. */
function Masks() {
  const [files, hold] = useState(/** @type {{name: string, url: string}[]} */ ([]));
  const [what, { regions }] = [photo.value, options.value];
  useEffect(() => {
    if (!what || dragging.value) return;
    let urls = /** @type {string[]} */ ([]);
    let over = false;
    masks(regions, what).then((made) => {
      if (over) return;
      urls = made.map(({ blob }) => URL.createObjectURL(blob));
      hold(made.map(({ name }, place) => ({ name, url: urls[place] })));
    });
    return () => {
      over = true;
      urls.forEach((url) => URL.revokeObjectURL(url));
    };
  }, [regions, what, dragging.value]);
  return files.map(({ name, url }) => html`, <a key=${name} href=${url} download=${name}>${name}</a>`);
}

/** As the code calls what the page sends: photos that are taken, pasted or reduced are no file of the reader's. */
function fileOf() {
  const { name, file, reduced } = /** @type {import("../state/photo.js").Photo} */ (photo.value);
  const type = file.type.replace("image/", "");
  return name.includes(".") && !reduced ? name : `${stem(name)}.${EXTENSIONS[/** @type {"jpeg"} */ (type)] ?? type}`;
}

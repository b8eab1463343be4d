/** The request that the page makes, as programs make it. */
import { key } from "../state/access.js";
import { parameters, query } from "../state/options.js";
import { asked, maskNames } from "../state/region-form.js";
import { address } from "../state/service.js";
import { shell } from "./as-code.js";

/**
 * @param {import("./as-code.js").Language} language @param {import("../state/options.js").Options} how
 * @param {string} file the photo's name @param {string} type its media type @returns {string}
 */
export function codeFor(language, how, file, type) {
  const result = `painting.${how.format === "jpeg" ? "jpg" : how.format}`;
  return { curl, python, javascript }[language]({ how, file, type, result });
}

/** @typedef {{how: import("../state/options.js").Options, file: string, type: string, result: string}} Request */

/** The fields of a form, where there are regions. @param {import("../state/options.js").Options} how @returns {[string, string][]} */
const fieldsOf = (how) => [...parameters(how), ["regions", JSON.stringify(asked(how.regions))]];

/** @param {Request} request */
function curl({ how, file, type, result }) {
  const form = how.regions.length > 0;
  const lines = [
    ...(form ? curlForm(how, file) : [`curl -f --data-binary @${shell(file)}`, `-H 'Content-Type: ${type}'`]),
    ...(key.value ? [`-H "Authorization: Bearer $PASTICHE_KEY"`] : []),
    `'${address("v1/stylize")}${form ? "" : `?${query(parameters(how))}`}'`,
    `-o ${result}`,
  ];
  return lines.join(" \\\n  ");
}

/** @param {import("../state/options.js").Options} how @param {string} file */
function curlForm(how, file) {
  // Within quotes, as curl reads a name with a comma or a semicolon.
  const named = (/** @type {string} */ field, /** @type {string} */ name) => `-F ${shell(`${field}=@"${name.replace(/["\\]/g, "\\$&")}"`)}`;
  return [
    `curl -f ${named("image", file)}`,
    ...maskNames(how.regions).map((name) => named("region_mask", name)),
    ...fieldsOf(how).map(([name, value]) => `--form-string ${shell(`${name}=${value}`)}`),
  ];
}

/** @param {Request} request */
function python({ how, file, type, result }) {
  const form = how.regions.length > 0;
  const parts = (form ? fieldsOf(how) : [...parameters(how)]).map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
  const secret = key.value ? `"Authorization": f"Bearer {os.environ['PASTICHE_KEY']}"` : "";
  const headers = [form ? "" : `"Content-Type": "${type}"`, secret].filter(Boolean).join(", ");
  const files = [["image", file], ...maskNames(how.regions).map((name) => ["region_mask", name])];
  const opened = files.map(([field, name]) => `    ("${field}", open(${JSON.stringify(name)}, "rb")),`);
  return [
    ...(key.value ? ["import os", ""] : []),
    "import requests",
    "",
    "options = {",
    ...parts,
    "}",
    ...(form ? ["files = [", ...opened, "]"] : [`with open(${JSON.stringify(file)}, "rb") as photo:`]),
    ...[
      "answer = requests.post(",
      `    "${address("v1/stylize")}",`,
      ...(form ? ["    data=options,", "    files=files,"] : ["    params=options,", "    data=photo,"]),
      ...(headers ? [`    headers={${headers}},`] : []),
      ")",
    ].map((text) => (form ? text : `    ${text}`)),
    "answer.raise_for_status()",
    `with open("${result}", "wb") as painting:`,
    "    painting.write(answer.content)",
  ].join("\n");
}

/** @param {Request} request */
function javascript({ how, file, type, result }) {
  const secret = key.value ? "Authorization: `Bearer ${process.env.PASTICHE_KEY}`" : "";
  const form = how.regions.length > 0;
  return [
    "// Node.js; in a browser, the body is the File or Blob, and the answer's blob() the painting.",
    `const { readFile, writeFile } = await import('node:fs/promises');`,
    "",
    ...(form ? javascriptForm(how, file, secret) : javascriptBody(how, file, type, secret)),
    "});",
    "if (!answer.ok) throw new Error((await answer.json()).detail);",
    `await writeFile("${result}", Buffer.from(await answer.arrayBuffer()));`,
  ].join("\n");
}

/** @param {import("../state/options.js").Options} how @param {string} file @param {string} type @param {string} secret */
function javascriptBody(how, file, type, secret) {
  return [
    `const options = new URLSearchParams(${JSON.stringify(Object.fromEntries(parameters(how)), null, 2)});`,
    `const answer = await fetch(\`${address("v1/stylize")}?\${options}\`, {`,
    '  method: "POST",',
    `  headers: { "Content-Type": "${type}"${secret && `, ${secret}`} },`,
    `  body: await readFile(${JSON.stringify(file)}),`,
  ];
}

/** @param {import("../state/options.js").Options} how @param {string} file @param {string} secret */
function javascriptForm(how, file, secret) {
  const files = [["image", file], ...maskNames(how.regions).map((name) => ["region_mask", name])];
  return [
    `const options = ${JSON.stringify(Object.fromEntries(fieldsOf(how)), null, 2)};`,
    "const form = new FormData();",
    "for (const [name, value] of Object.entries(options)) form.set(name, value);",
    ...files.map(([field, name]) => `form.append("${field}", new Blob([await readFile(${JSON.stringify(name)})]), ${JSON.stringify(name)});`),
    `const answer = await fetch("${address("v1/stylize")}", {`,
    '  method: "POST",',
    ...(secret ? [`  headers: { ${secret} },`] : []),
    "  body: form,",
  ];
}

/** The request that the page makes, as programs make it. */
import { key } from "../state/access.js";
import { parameters, text } from "../state/options.js";
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

/** @param {Request} request */
function curl({ how, file, type, result }) {
  const lines = [
    `curl -f --data-binary @${shell(file)}`,
    `-H 'Content-Type: ${type}'`,
    ...(key.value ? [`-H "Authorization: Bearer $PASTICHE_KEY"`] : []),
    `'${address("v1/stylize")}?${text(how)}'`,
    `-o ${result}`,
  ];
  return lines.join(" \\\n  ");
}

/** @param {Request} request */
function python({ how, file, type, result }) {
  const parts = [...parameters(how)].map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
  const secret = key.value ? `, "Authorization": f"Bearer {os.environ['PASTICHE_KEY']}"` : "";
  return [
    ...(key.value ? ["import os", ""] : []),
    "import requests",
    "",
    "options = {",
    ...parts,
    "}",
    `with open(${JSON.stringify(file)}, "rb") as photo:`,
    "    answer = requests.post(",
    `        "${address("v1/stylize")}",`,
    "        params=options,",
    "        data=photo,",
    `        headers={"Content-Type": "${type}"${secret}},`,
    "    )",
    "answer.raise_for_status()",
    `with open("${result}", "wb") as painting:`,
    "    painting.write(answer.content)",
  ].join("\n");
}

/** @param {Request} request */
function javascript({ how, file, type, result }) {
  const secret = key.value ? ", Authorization: `Bearer ${process.env.PASTICHE_KEY}`" : "";
  return [
    "// Node.js; in a browser, the body is the File or Blob, and the answer's blob() the painting.",
    `const { readFile, writeFile } = await import('node:fs/promises');`,
    "",
    `const options = new URLSearchParams(${JSON.stringify(Object.fromEntries(parameters(how)), null, 2)});`,
    `const answer = await fetch(\`${address("v1/stylize")}?\${options}\`, {`,
    '  method: "POST",',
    `  headers: { "Content-Type": "${type}"${secret} },`,
    `  body: await readFile(${JSON.stringify(file)}),`,
    "});",
    "if (!answer.ok) throw new Error((await answer.json()).detail);",
    `await writeFile("${result}", Buffer.from(await answer.arrayBuffer()));`,
  ].join("\n");
}

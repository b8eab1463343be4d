/** The request that makes a job of a clip, as programs make it: sent, followed, and its result fetched. */
import { key } from "../state/access.js";
import { parameters, text } from "../state/clip.js";
import { address } from "../state/service.js";
import { shell } from "./as-code.js";

/**
 * @param {import("./as-code.js").Language} language @param {import("../state/clip.js").Wishes} how
 * @param {string} file the clip's name @param {string} type its media type @returns {string}
 */
export function codeForClip(language, how, file, type) {
  return { curl, python, javascript }[language]({ how, file, type, result: `painted.${how.format}` });
}

/** @typedef {{how: import("../state/clip.js").Wishes, file: string, type: string, result: string}} Request */

/** @param {Request} request */
function curl({ how, file, type, result }) {
  const secret = key.value ? `-H "Authorization: Bearer $PASTICHE_KEY" ` : "";
  return [
    "# curl 7.84 or later; the second line shows how far it is.",
    `job=${address("/").origin}$(curl -sf --data-binary @${shell(file)} -H 'Content-Type: ${type}' \\`,
    `  ${secret}'${address("v1/videos")}?${text(how)}' \\`,
    "  -o job.json -w '%header{location}')",
    `curl -sfN ${secret}$job/events`,
    `curl -sf ${secret}$job/result -o ${result}`,
  ].join("\n");
}

/** @param {Request} request */
function python({ how, file, type, result }) {
  const parts = [...parameters(how)].map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
  return [
    ...(key.value ? ["import os"] : []),
    "import time",
    "from urllib.parse import urljoin",
    "",
    "import requests",
    "",
    "session = requests.Session()",
    ...(key.value ? [`session.headers["Authorization"] = f"Bearer {os.environ['PASTICHE_KEY']}"`] : []),
    "options = {",
    ...parts,
    "}",
    `with open(${JSON.stringify(file)}, "rb") as clip:`,
    "    answer = session.post(",
    `        "${address("v1/videos")}",`,
    "        params=options,",
    "        data=clip,",
    `        headers={"Content-Type": "${type}"},`,
    "    )",
    "answer.raise_for_status()",
    'job = urljoin(answer.url, answer.headers["Location"])',
    'while (seen := session.get(job).json())["status"] in ("queued", "running"):',
    `    print(f"{seen['progress']:.0%}")`,
    "    time.sleep(1)",
    'answer = session.get(f"{job}/result")',
    "answer.raise_for_status()",
    `with open("${result}", "wb") as painting:`,
    "    painting.write(answer.content)",
  ].join("\n");
}

/** @param {Request} request */
function javascript({ how, file, type, result }) {
  const secret = key.value ? "Authorization: `Bearer ${process.env.PASTICHE_KEY}`" : "";
  return [
    "// Node.js; in a browser, the body is the File or Blob, and the answer's blob() the painted clip.",
    `const { readFile, writeFile } = await import('node:fs/promises');`,
    "",
    `const headers = { ${secret} };`.replace("{  }", "{}"),
    `const options = new URLSearchParams(${JSON.stringify(Object.fromEntries(parameters(how)), null, 2)});`,
    `const sent = await fetch(\`${address("v1/videos")}?\${options}\`, {`,
    '  method: "POST",',
    `  headers: { ...headers, "Content-Type": "${type}" },`,
    `  body: await readFile(${JSON.stringify(file)}),`,
    "});",
    "if (!sent.ok) throw new Error((await sent.json()).detail);",
    'const job = new URL(sent.headers.get("Location"), sent.url).href;',
    "for (let status = 'queued'; ['queued', 'running'].includes(status); ) {",
    "  await new Promise((resolve) => setTimeout(resolve, 1000));",
    "  ({ status } = await (await fetch(job, { headers })).json());",
    "}",
    "const answer = await fetch(`${job}/result`, { headers });",
    "if (!answer.ok) throw new Error((await answer.json()).detail);",
    `await writeFile("${result}", Buffer.from(await answer.arrayBuffer()));`,
  ].join("\n");
}

/** The OpenAPI document, read for people, and asked what the service can do. */
import { signal } from "../view.js";
import { call, json } from "./service.js";

/** @typedef {{id: string, method: string, path: string, about: any}} Operation */

/** Routes such as `POST /v1/styles`; null until the document has been read, and where it is not shown. */
export const routes = signal(/** @type {Set<string>|null} */ (null));

export async function readRoutes() {
  try {
    const document_ = await json("openapi.json");
    routes.value = new Set(operationsByTag(document_).flatMap(({ operations }) => operations.map(({ method, path }) => `${method} ${path}`)));
  } catch {
    routes.value = await methodsOfStyles();
  }
}

/** Without the document, the one route that is asked for. @returns {Promise<Set<string>|null>} */
async function methodsOfStyles() {
  try {
    const allowed = (await call("v1/styles", { method: "OPTIONS" })).headers.get("Allow") ?? "";
    return new Set(allowed.split(",").map((method) => `${method.trim()} /v1/styles`));
  } catch {
    return null;
  }
}

/** @param {any} all @returns {{tag: string, operations: Operation[]}[]} */
export function operationsByTag(all) {
  /** @type {Map<string, Operation[]>} */
  const groups = new Map();
  for (const [path, item] of Object.entries(all.paths)) {
    for (const [method, about] of Object.entries(/** @type {object} */ (item))) {
      const tag = about.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag)?.push({ id: `${method}-${path.replace(/\W+/g, "-").replace(/^-|-$/g, "")}`, method: method.toUpperCase(), path, about });
    }
  }
  return [...groups].map(([tag, operations]) => ({ tag, operations }));
}

/** @param {any} all @param {any} schema */
export function resolve(all, schema) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.slice(2).split("/").reduce((/** @type {any} */ place, /** @type {string} */ name) => place[name], all);
}

/** What a value may be, in a few words. @param {any} all @param {any} given @returns {string} */
export function schemaText(all, given) {
  const schema = resolve(all, given);
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  const kinds = schema.anyOf ?? schema.oneOf;
  if (kinds) return kinds.filter((/** @type {any} */ kind) => kind.type !== "null").map((/** @type {any} */ kind) => schemaText(all, kind)).join(" or ");
  const words = [schema.type === "array" ? `list of ${schemaText(all, schema.items ?? {})}` : schema.format === "binary" ? "picture" : schema.type ?? "any"];
  const least = schema.minimum ?? schema.exclusiveMinimum;
  const most = schema.maximum ?? schema.exclusiveMaximum;
  if (least !== undefined && most !== undefined) words.push(`${least} to ${most}`);
  else if (least !== undefined) words.push(`from ${least}`);
  if (schema.default !== undefined && schema.default !== null) words.push(`default ${JSON.stringify(schema.default)}`);
  return words.join(", ");
}

// Writes schema.d.ts from the service's OpenAPI document: node generate.mjs http://127.0.0.1:8000
import { writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const [service = "http://127.0.0.1:8000"] = process.argv.slice(2);
const blob = ts.factory.createTypeReferenceNode(ts.factory.createIdentifier("Blob"));
const types = await openapiTS(new URL("/openapi.json", service), {
  // Files are strings to it otherwise.
  transform: (schema) => (schema.format === "binary" ? blob : undefined),
});
await writeFile("schema.d.ts", astToString(types));

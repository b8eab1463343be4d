// Stylizes a photo, and makes a job of it and of a style image: node built/example.js http://127.0.0.1:8000 photo.jpg style.jpg
// Prints what came as JSON.
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const [service, photoPath, stylePath] = process.argv.slice(2);
if (!service || !photoPath || !stylePath) throw new Error("example.js SERVICE PHOTO STYLE_IMAGE");
const client = createClient<paths>({ baseUrl: service });
const photo = new Blob([await readFile(photoPath)]);
const style = new Blob([await readFile(stylePath)]);

const listed = await client.GET("/v1/styles");
const first = listed.data?.styles[0]?.id;
if (!first) throw new Error("The service has no style.");

const stylized = await client.POST("/v1/stylize", {
  params: { query: { styles: first, size: 64, format: "png" } },
  headers: { "Content-Type": "application/octet-stream" },
  body: photo,
  bodySerializer: (body) => body,
  parseAs: "blob",
});
const misspelt = await client.POST("/v1/stylize", {
  params: { query: { styles: `${first}_` } },
  headers: { "Content-Type": "application/octet-stream" },
  body: photo,
  bodySerializer: (body) => body,
});
const created = await client.POST("/v1/jobs", {
  body: { content: photo, style: [style, style], size: 64, weights: "3,1" },
  bodySerializer: formOf,
});
if (!created.data) throw new Error(created.error.detail);
const cancelled = await client.DELETE("/v1/jobs/{job_id}", { params: { path: { job_id: created.data.id } } });

console.log(
  JSON.stringify({
    styles: listed.data?.styles.map((each) => each.id),
    stylized: { type: stylized.data?.type, bytes: stylized.data?.size },
    misspelt: misspelt.error?.type,
    created: { kind: created.data.kind, status: created.data.status },
    cancelled: cancelled.data?.status,
  }),
);

function formOf(fields: object): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    for (const each of Array.isArray(value) ? value : [value])
      form.append(name, each instanceof Blob ? each : String(each));
  return form;
}

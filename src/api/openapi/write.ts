import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { routes } from "../routes.ts";
import { openApiDocument } from "./document.ts";

const FILE = fileURLToPath(new URL("../../../openapi.json", import.meta.url));

/** The document as it is kept in the tree. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(routes), null, 2)}\n`;
}

/** The copy in the tree. */
export function storedOpenApiText(): string {
  return readFileSync(FILE, "utf8");
}

// `node src/api/openapi/write.ts` writes the copy.
if (import.meta.main) writeFileSync(FILE, openApiText());

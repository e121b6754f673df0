// `npm run openapi`: writes everything that is made from the definitions of routes, problems and events.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openApiText } from "../src/api/openapi/write.ts";
import { repositoryRoot } from "../dev/stack/paths.ts";
import { clientTypes } from "./client-types.ts";
import { eventsPage } from "./events-page.ts";

/** Every generated file by its path in the tree. */
export async function generatedFiles(): Promise<Readonly<Record<string, string>>> {
  const document = openApiText();
  return {
    "openapi.json": document,
    ...(await clientTypes(document)),
    "docs/events.md": eventsPage(),
  };
}

/** The same file as it is in the tree. */
export const storedFile = (path: string): string =>
  readFileSync(join(repositoryRoot, path), "utf8");

if (import.meta.main) {
  for (const [path, text] of Object.entries(await generatedFiles())) {
    mkdirSync(dirname(join(repositoryRoot, path)), { recursive: true });
    writeFileSync(join(repositoryRoot, path), text);
    process.stdout.write(`${path}\n`);
  }
}

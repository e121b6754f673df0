// The image as the Dockerfile makes it, without a daemon: its last stage's files in a folder, its environment, its user's rights.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { bundleWorkflows } from "../../src/workers/bundle.ts";

/** One line of the Dockerfile: the instruction and what follows it. */
interface Instruction {
  readonly name: string;
  readonly text: string;
}

function instructions(): Instruction[] {
  return readFileSync(join(repositoryRoot, "Dockerfile"), "utf8")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [name = "", ...rest] = line.trim().split(/\s+/);
      return { name, text: rest.join(" ") };
    });
}

export interface Image {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
  readonly user: string;
}

/** Lays out the last stage in `folder`. Packages are this checkout's: which of them are for production, lint knows. */
export async function layOutImage(folder: string): Promise<Image> {
  const all = instructions();
  const last = all.slice(all.findLastIndex((one) => one.name === "FROM"));
  const texts = (name: string): string[] =>
    last.filter((one) => one.name === name).map((one) => one.text);
  const shown = new Set(
    readFileSync(join(repositoryRoot, ".dockerignore"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1)),
  );
  for (const copy of texts("COPY")) {
    const words = copy.split(" ");
    const stage = words[0]?.startsWith("--from=") === true ? words.shift() : undefined;
    const to = words.pop() ?? "";
    for (const from of words) {
      const target = join(folder, to.endsWith("/") ? join(to, basename(from)) : to);
      mkdirSync(dirname(target), { recursive: true });
      if (stage === undefined && !shown.has(from))
        throw new Error(`.dockerignore keeps ${from} from the builder`);
      if (stage === "--from=packages") symlinkSync(join(repositoryRoot, "node_modules"), target);
      else if (stage === "--from=bundle") {
        mkdirSync(target);
        writeFileSync(join(target, "workflows.js"), await bundleWorkflows());
      } else cpSync(join(repositoryRoot, from), target, { recursive: true });
    }
  }
  const env = Object.fromEntries(
    texts("ENV").flatMap((text) =>
      text.split(" ").map((pair): [string, string] => {
        const at = pair.indexOf("=");
        return [pair.slice(0, at), pair.slice(at + 1).replace("/app", folder)];
      }),
    ),
  );
  const list = (text: string): string[] => JSON.parse(text) as string[];
  return {
    folder,
    env,
    entrypoint: list(texts("ENTRYPOINT")[0] ?? "[]"),
    healthcheck: list(/CMD (\[.*\])/.exec(texts("HEALTHCHECK")[0] ?? "")?.[1] ?? "[]"),
    user: texts("USER")[0] ?? "root",
  };
}

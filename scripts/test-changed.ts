/**
 * Which test files a change can affect: those from which a changed file is reached. jest's own graph knows imports only;
 * half of the tests here also start programs, read migrations, artifacts and documents. So every string in a file that names
 * another file or folder of the repository counts as a reference to it, an import or not.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { repositoryRoot } from "../dev/stack/paths.ts";

/** Changes that may matter to anything. */
const EVERYTHING =
  /^(package(-lock)?\.json|jest\.config\.js|tsconfig\.json|scripts\/(run|install|test|jest-run)\.(ts|mjs)|test\/support\/(broker|stack|global-.*|random|logs|sequencer)\.(ts|mjs)|dev\/stack\/postgres\.ts)$/;

/** What the strings of a file do not say: paths put together from pieces, folders read as a whole. By the file's name … */
const REFERENCES_OF_FILES: readonly (readonly [file: RegExp, to: readonly string[]])[] = [
  [/^src\/db\/migrate\.ts$/, ["migrations"]],
  [/^(contracts\/deploy|src\/chain\/contracts|test\/contracts\/harness)\.ts$/, ["contracts"]],
  [/^dev\/stack\/stack\.ts$/, ["src/main.ts", "dev/sandbox"]],
  [/^test\/deployment\//, ["deploy", "Dockerfile", "docker-compose.yml", ".dockerignore"]],
  [/^test\/client\/docs/, ["client", "docs", "README.md"]],
  [/^test\/api\/(event-catalog|problems)/, ["src"]],
  [/^test\/api\/openapi-lint/, [".spectral.yaml", "redocly.yaml"]],
  [/^test\/replay\//, ["test/histories"]],
];

/** … and by what it asks of the broker of a run (test/support/broker.ts). */
const REFERENCES_OF_CALLS: readonly (readonly [text: RegExp, to: readonly string[]])[] = [
  [/\bcreateTestDatabase\(/, ["src/db/migrate.ts"]],
  [
    /\bgetTestWorkflowBundle\(/,
    ["src/workers/bundle.ts", "src/workflows/index.ts", "src/workflows/query-guard.ts"],
  ],
  [
    /\bgetTestTemporal\(/,
    ["dev/stack/temporal.ts", "dev/stack/temporal-binary.ts", "dev/stack/search-attributes.ts"],
  ],
];

const SOURCE = /\.(ts|mjs|js)$/;
const STRING = /["'`]([^"'`\s$]+)["'`]/g;
/** Types change nothing at run time; tsc looks at them. */
const TYPE_IMPORT = /^(import|export) type [^;]* from "[^"]*";$/gm;

/** Files and folders that a text names, as paths in the repository. A single word is a file at the root, such as Dockerfile. */
function namesIn(file: string, text: string): string[] {
  const strings = [...text.replaceAll(TYPE_IMPORT, "").matchAll(STRING)];
  const names = strings.map((match) => match[1] ?? "").filter((name) => /\w/.test(name));
  return names.flatMap((name) =>
    /[./]/.test(name) ? [normalize(join(dirname(file), name)), normalize(name)] : [name],
  );
}

/** Which file uses which. `files` are all of the repository, those that a change has deleted among them; `read` gives the text of one. */
export class References {
  readonly #users = new Map<string, Set<string>>();
  readonly #files: readonly string[];

  constructor(files: readonly string[], read: (file: string) => string) {
    this.#files = files;
    const known = new Set(files);
    const below = Map.groupBy(
      files.flatMap((file) => foldersOf(file).map((folder) => ({ folder, file }))),
      ({ folder }) => folder,
    );
    for (const file of files.filter((one) => SOURCE.test(one))) {
      const text = read(file);
      for (const name of namesIn(file, text)) {
        const path = name.replace(/\/$/, "");
        if (known.has(path)) this.#use(file, path);
        else if (path.includes("/") || name.endsWith("/") || !/^(src|test|dev)$/.test(path))
          for (const one of below.get(path) ?? []) this.#use(file, one.file);
      }
      for (const [from, to] of REFERENCES_OF_FILES) if (from.test(file)) this.#useAll(file, to);
      for (const [from, to] of REFERENCES_OF_CALLS) if (from.test(text)) this.#useAll(file, to);
    }
  }

  #useAll(user: string, targets: readonly string[]): void {
    for (const target of targets)
      for (const file of this.#files)
        if (file === target || file.startsWith(`${target}/`)) this.#use(user, file);
  }

  #use(user: string, used: string): void {
    const users = this.#users.get(used) ?? new Set();
    users.add(user);
    this.#users.set(used, users);
  }

  /** The test files from which one of these is reached, nearest first; every test file when one may matter to anything. */
  testsOf(changed: readonly string[]): string[] {
    const tests = this.#files.filter((file) => /^test\/.*\.test\.ts$/.test(file));
    if (changed.some((file) => EVERYTHING.test(file))) return tests;
    const reached = new Set(changed);
    for (const file of reached) for (const user of this.#users.get(file) ?? []) reached.add(user);
    const known = new Set(tests);
    return [...reached].filter((file) => known.has(file));
  }
}

function foldersOf(file: string): string[] {
  const parts = dirname(file).split("/");
  // The root and src as a whole are named everywhere, and mean a place, not its files.
  return parts
    .map((_, index) => parts.slice(0, index + 1).join("/"))
    .filter((one) => !/^(\.|src|test|dev)$/.test(one));
}

const git = (...args: readonly string[]): string[] =>
  execFileSync("git", args, { cwd: repositoryRoot, encoding: "utf8", maxBuffer: 2 ** 28 })
    .split(/[\n\0]/)
    .filter((line) => line !== "");

/**
 * What has changed since main: all of the branch, and what is not committed. On main itself: since origin/main, or without one
 * what is not committed.
 * @throws Error when git knows neither main nor origin/main
 */
export function changedFiles(): { readonly since: string; readonly files: string[] } {
  const branches = git("branch", "--all", "--format=%(refname:short)");
  const current = git("branch", "--show-current")[0];
  const main = ["main", "origin/main"].find((one) => one !== current && branches.includes(one));
  if (main === undefined && current !== "main")
    throw new Error("there is no branch main to compare with");
  const since = git("merge-base", "HEAD", main ?? "HEAD")[0] ?? "HEAD";
  const files = [
    ...git("diff", "--name-only", "--no-renames", "-z", since),
    ...git("ls-files", "--others", "--exclude-standard", "-z"),
  ];
  return { since, files: [...new Set(files)] };
}

/** The test files that what has changed since main can affect. */
export function testsOfChange(changed: readonly string[]): string[] {
  const there = git("ls-files", "--cached", "--others", "--exclude-standard", "-z");
  const files = [...new Set([...there, ...changed])];
  const read = (file: string): string => {
    try {
      return readFileSync(join(repositoryRoot, file), "utf8");
    } catch {
      return ""; // deleted
    }
  };
  return new References(files, read).testsOf(changed);
}

// Compiles the contracts: `node contracts/build.ts` writes contracts/artifacts, `--check` compares instead and
// exits 1 when a committed artifact is not what the sources give. Deterministic: same sources, same bytes.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const CONTRACTS_DIR = dirname(fileURLToPath(import.meta.url));
const ARTIFACTS_DIR = join(CONTRACTS_DIR, "artifacts");
const MODULES_DIR = join(CONTRACTS_DIR, "..", "node_modules");

/** The contracts of the product. Their ABI is also written alone, since the product never needs bytecode. */
const PRODUCT_CONTRACTS = ["MeetingAuction", "MeetingPass"];

interface CompilerOutput {
  readonly errors?: readonly {
    readonly severity: string;
    readonly formattedMessage: string;
    readonly sourceLocation?: { readonly file: string };
  }[];
  readonly contracts?: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly abi: unknown[];
            readonly evm: Record<"bytecode" | "deployedBytecode", { readonly object: string }>;
          }
        >
      >
    >
  >;
}

function solidityFiles(folder: string): string[] {
  const path = join(CONTRACTS_DIR, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith(".sol"))
    .sort()
    .map((name) => `${folder}/${name}`);
}

/** Every artifact as file path → content, without touching the disk. */
export function compileContracts(): Map<string, string> {
  const names = [...solidityFiles("src"), ...solidityFiles("test")];
  const read = new Map(
    names.map((name) => [name, readFileSync(join(CONTRACTS_DIR, name), "utf8")]),
  );
  const input = {
    language: "Solidity",
    sources: Object.fromEntries([...read].map(([name, content]) => [name, { content }])),
    settings: {
      optimizer: { enabled: true, runs: 10_000 },
      // Transient storage is the newest thing used; naming the version keeps a compiler upgrade from needing a newer chain.
      // The wide events need more stack than the older code generator has.
      viaIR: true,
      evmVersion: "cancun",
      // Without it the bytecode would change with every comment.
      metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: {
        "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] },
      },
    },
  };
  const findImport = (path: string): { contents: string } | { error: string } => {
    const file = join(MODULES_DIR, path);
    if (!existsSync(file)) return { error: `not found: ${path}` };
    const contents = readFileSync(file, "utf8");
    read.set(path, contents);
    return { contents };
  };
  const output: CompilerOutput = JSON.parse(
    solc.compile(JSON.stringify(input), { import: findImport }),
  );
  // A warning about our own code stops the build; one about OpenZeppelin's is theirs to judge.
  const problems = (output.errors ?? []).filter(
    ({ severity, sourceLocation }) =>
      severity === "error" || sourceLocation?.file.startsWith("@") !== true,
  );
  if (problems.length > 0)
    throw new Error(problems.map((problem) => problem.formattedMessage).join("\n"));

  const sourceHash = createHash("sha256");
  for (const name of [...read.keys()].filter((path) => !path.startsWith("test/")).sort()) {
    sourceHash.update(`${name}\0${read.get(name)}\0`);
  }
  const header = { compiler: String(solc.version()), sourceHash: sourceHash.digest("hex") };

  const artifacts = new Map<string, string>();
  for (const [source, contracts] of Object.entries(output.contracts ?? {})) {
    const isTest = source.startsWith("test/");
    for (const [contractName, { abi, evm }] of Object.entries(contracts)) {
      const isProduct = source.startsWith("src/") && PRODUCT_CONTRACTS.includes(contractName);
      if (!isProduct && (!isTest || evm.bytecode.object === "")) continue;
      const bytecode = `0x${evm.bytecode.object}`;
      const deployedBytecode = `0x${evm.deployedBytecode.object}`;
      const path = join(ARTIFACTS_DIR, isTest ? "test" : "", contractName);
      // The attackers carry no source hash: with it they would all change whenever a comment does.
      const artifact = isTest
        ? { contractName, abi, bytecode }
        : { contractName, ...header, abi, bytecode, deployedBytecode };
      artifacts.set(`${path}.json`, `${JSON.stringify(artifact, null, 2)}\n`);
      if (isProduct) artifacts.set(`${path}.abi.json`, `${JSON.stringify(abi, null, 2)}\n`);
    }
  }
  return artifacts;
}

function main(): void {
  const isCheck = process.argv.includes("--check");
  const stale: string[] = [];
  for (const [path, content] of compileContracts()) {
    if (existsSync(path) && readFileSync(path, "utf8") === content) continue;
    stale.push(relative(CONTRACTS_DIR, path));
    if (isCheck) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  if (stale.length === 0) {
    process.stdout.write("contracts/artifacts is up to date\n");
  } else if (isCheck) {
    process.stderr.write(`out of date, run node contracts/build.ts: ${stale.join(", ")}\n`);
    process.exitCode = 1;
  } else {
    process.stdout.write(`wrote ${stale.join(", ")}\n`);
  }
}

if (import.meta.main) main();

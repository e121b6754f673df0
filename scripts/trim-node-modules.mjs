// Runs after every install and removes what no process of ours can ever load: the Temporal core
// compiled for other platforms (four of five copies, 120 MB) and the C headers that come with the
// Node.js binary (67 MB).
import { existsSync, readdirSync, rmSync } from "node:fs";

const modules = new URL("../node_modules/", import.meta.url);

const releases = new URL("@temporalio/core-bridge/releases/", modules);
const triple = `${{ x64: "x86_64", arm64: "aarch64" }[process.arch]}-${{ linux: "unknown-linux-gnu", darwin: "apple-darwin", win32: "pc-windows-msvc" }[process.platform]}`;
if (existsSync(new URL(triple, releases))) {
  for (const name of readdirSync(releases)) {
    if (name !== triple) rmSync(new URL(name, releases), { recursive: true });
  }
}

const nodePackages = new URL("node/node_modules/", modules);
if (existsSync(nodePackages)) {
  for (const name of readdirSync(nodePackages))
    rmSync(new URL(`${name}/include`, nodePackages), { recursive: true, force: true });
}

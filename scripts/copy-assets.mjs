// Copies what tsc does not emit to its place in dist/.
import { copyFileSync, mkdirSync } from "node:fs";

const ASSETS = ["kernels/kernels.wasm"];

for (const asset of ASSETS) {
  const destination = new URL(`../dist/${asset}`, import.meta.url);
  mkdirSync(new URL(".", destination), { recursive: true });
  copyFileSync(new URL(`../src/${asset}`, import.meta.url), destination);
}

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const { version, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  version: string;
  dependencies: Record<string, string>;
};

let elsewhere: string;
beforeAll(() => {
  elsewhere = mkdtempSync(join(tmpdir(), "smallinit-installed-"));
  installPackedTarball(elsewhere);
});
afterAll(() => rmSync(elsewhere, { recursive: true }));

describe("the packed tarball, installed elsewhere with its own dependencies alone", () => {
  test("starts", () => {
    expect(smallinit("--version").trim()).toBe(version);
  });

  test("prepares data, with the compiled files that it needs beside it", () => {
    writeFileSync(join(elsewhere, "book.txt"), "to be, or not to be\n".repeat(200));
    smallinit("prepare", "book.txt", "--out", "data", "--tokenizer", "char");
    const manifest = JSON.parse(readFileSync(join(elsewhere, "data", "manifest.json"), "utf8"));
    expect(manifest.train.numTokens).toBeGreaterThan(1000);
  });

  test("trains", () => {
    const tiny = ["--preset", "tiny", "--set", "steps=2", "--workers", "1"];
    smallinit("launch", "--data", "data", "--run", "run", ...tiny);
    const summary = JSON.parse(readFileSync(join(elsewhere, "run", "summary.json"), "utf8"));
    expect(summary).toMatchObject({ status: "completed", steps: 2 });
  });
});

function smallinit(...args: string[]): string {
  const command = join(elsewhere, "node_modules", "smallinit", "dist", "cli", "main.js");
  return execFileSync(process.execPath, [command, ...args], { cwd: elsewhere, encoding: "utf8" });
}

/** What `npm install smallinit-x.y.z.tgz` does, but for the network: dependencies are linked. */
function installPackedTarball(folder: string): void {
  const packed = execFileSync(
    "npm",
    ["pack", "--ignore-scripts", "--json", "--pack-destination", folder],
    { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  const tarball = /"filename":\s*"([^"]+)"/.exec(packed)?.[1] ?? "";
  const target = join(folder, "node_modules", "smallinit");
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, tarball), "-C", target, "--strip-components", "1"]);
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), link, "dir");
  }
}

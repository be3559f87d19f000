import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { hasSharedMemory, NEEDS_SHARED_MEMORY } from "../transport/slot-folder-here.ts";
import { smallinit, summaryOf, writeData } from "./processes.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smallinit-shared-memory-"));
  await writeData(join(folder, "data"));
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** A run of two workers whose chunks are large enough for slots; what it ended with, and the logs. */
async function launch(name: string, allReduce: string, shared: "on" | "off") {
  vi.stubEnv("SMALLINIT_SHARED_MEMORY", shared);
  const run = join(folder, name);
  const settings = [`allReduce=${allReduce}`, "steps=4", "embeddingSize=64", "evaluateEvery=0"];
  const launched = smallinit([
    ...["launch", "--data", join(folder, "data"), "--run", run, "--workers", "2"],
    ...["--preset", "tiny", ...settings.flatMap((setting) => ["--set", setting])],
  ]);
  const { code } = await launched.exit;
  expect(code, launched.output()).toBe(0);
  const logs = await readdir(join(run, "logs"));
  const texts = await Promise.all(logs.map((log) => readFile(join(run, "logs", log), "utf8")));
  return { digest: summaryOf(run).parameterDigest, log: texts.join("") };
}

const name = "workers of one machine";
const title = hasSharedMemory ? name : `${name} ${NEEDS_SHARED_MEMORY}`;
describe.skipIf(!hasSharedMemory)(title, () => {
  test.each(["mesh", "star"])("have the same bits through memory and sockets: %s", async (kind) => {
    const memory = await launch(`${kind}-memory`, kind, "on");
    const sockets = await launch(`${kind}-sockets`, kind, "off");
    expect(memory.digest).toBe(sockets.digest);
    expect(memory.log).toMatch(/The link with .* shares memory/);
    expect(sockets.log).not.toMatch(/shares memory/);
  });
});

test("a variable that is neither on nor off is refused", async () => {
  vi.stubEnv("SMALLINIT_SHARED_MEMORY", "no");
  const refused = smallinit(["worker", "ws://127.0.0.1:1"]);
  expect((await refused.exit).code).toBe(2);
  expect(refused.output()).toContain("ERR_USAGE: SMALLINIT_SHARED_MEMORY");
});

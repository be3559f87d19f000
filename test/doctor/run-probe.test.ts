import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { runProbe } from "../../src/doctor/run-probe.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";

/** Runs a program of this text; 200 ms is long past for one that never answers. */
async function probing(text: string, timeoutMs = 30_000): Promise<unknown> {
  const program = join(await temporaryFolder(), "program.mjs");
  writeFileSync(program, text);
  return runProbe({
    ...{ name: "The engine x", program: pathToFileURL(program), request: { n: 2 }, timeoutMs },
  });
}

test("gives what the program answers", async () => {
  const text = `process.once("message", ({ n }) =>
    process.send({ result: n + 1 }, () => process.disconnect()));`;
  expect(await probing(text)).toBe(3);
});

test.each([
  ["says why it cannot", `process.send({ why: "no such device" });`, "no such device"],
  ["ends", "process.exit(3);", "The engine x ended its process with exit code 3."],
  [
    "says something and crashes",
    "process.stderr.write('libx: bad CPU\\n', () => process.kill(process.pid, 'SIGKILL'));",
    "The engine x ended its process by the signal SIGKILL: libx: bad CPU.",
  ],
])("fails with a reason when the program %s", async (_, text, message) => {
  await expect(probing(text)).rejects.toMatchObject({ code: "ERR_ENGINE", message });
});

test("ends a program that never answers", async () => {
  const message = "The engine x did not answer within 0.2 s.";
  await expect(probing("setInterval(() => {}, 1000);", 200)).rejects.toMatchObject({ message });
});

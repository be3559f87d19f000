import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { hasWebGpu, WEBGPU_HINT } from "../engine/webgpu-adapter.ts";
import { summaryOf, writeData } from "../worker/processes.ts";
import { runCli } from "./run-cli.ts";

const REFERENCE = fileURLToPath(
  new URL("../fixtures/reference/pre-small-rotary-geglu", import.meta.url),
);

// Only on Linux can the drivers be hidden from a process.
test.skipIf(process.platform !== "linux")(
  "a machine without an adapter refuses webgpu and says what it needs (on Linux)",
  async () => {
    const args = ["verify", REFERENCE, "--device", "webgpu"];
    const hidden = { VK_DRIVER_FILES: "/nowhere.json", VK_ICD_FILENAMES: "/nowhere.json" };
    const { exitCode, stderr } = await runCli(await temporaryFolder(), args, hidden);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^ERR_ENGINE: .*webgpu.*driver.*--device cpu/m);
  },
);

test.skipIf(!hasWebGpu())(
  `launch trains on webgpu with one worker of its own accord, and its log says so ${WEBGPU_HINT}`,
  async () => {
    const folder = await temporaryFolder();
    const [data, run] = [join(folder, "data"), join(folder, "run")];
    await writeData(data);
    const settings = ["--preset", "tiny", "--set", "steps=2", "--set", "microBatchSize=4"];
    const args = ["launch", "--data", data, "--run", run, "--device", "webgpu", ...settings];
    const { exitCode, stderr } = await runCli(folder, args);
    expect(exitCode, stderr).toBe(0);
    expect(summaryOf(run)).toMatchObject({ status: "completed", steps: 2, workers: 1 });
    expect(readFileSync(join(run, "logs", "worker-0.log"), "utf8")).toMatch(/on webgpu/);
  },
  240_000,
);

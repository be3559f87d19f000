import { type Command, InvalidArgumentError, Option } from "commander";
import { parseChaos } from "../chaos/parse-chaos.ts";
import { wasKilled } from "../coordinator/was-killed.ts";
import { workersPerCpu } from "../launcher/devices.ts";
import type { DeviceWish } from "../launcher/local-devices.ts";
import { MAX_WORKERS } from "../protocol/limits.ts";
import { auditOption } from "./audit-option.ts";
import { conductRun } from "./conduct-run.ts";
import { chooseDevices, maxRestartsOption, workerDeviceOption } from "./engine-options.ts";
import { wholeNumber } from "./option-values.ts";
import { addRunOptions, configurationOf, type RunOptions, runArguments } from "./run-options.ts";
import { SHARED_MEMORY_HELP } from "./shares-memory.ts";

interface LaunchOptions extends RunOptions {
  readonly workers: number | "auto";
  readonly device: DeviceWish;
  readonly maxRestarts: number;
  readonly audit: number;
  readonly profile?: boolean;
  readonly chaos?: string;
}

/** `smallinit launch`: a coordinator and all workers on this machine. */
export function addLaunchCommand(program: Command): void {
  addRunOptions(
    program
      .command("launch")
      .description(
        "train on this machine: a coordinator and its workers, one per GPU or slice of the CPU",
      ),
  )
    .option(
      "--workers <n>",
      "workers to start, or auto: one per GPU, or one per core; one with --device webgpu",
      numWorkers,
      "auto",
    )
    .addOption(workerDeviceOption())
    .addOption(maxRestartsOption())
    .addOption(auditOption())
    .option("--profile", "at the end, tell where each step's time went; traces go to RUN/profile")
    .addOption(
      new Option(
        "--chaos <spec>",
        "do these faults to the run and judge it at its end: KIND:WHOM@STEP with kill, exit, freeze, cut, " +
          "half-open; coordinator@STEP; random:6/min; seed=N; digest=HEX (see docs/RELIABILITY.md)",
      ).conflicts(["profile", "tensorboard", "maxRestarts", "audit"]),
    )
    .addHelpText(
      "after",
      "\nExample:\n  smallinit launch --data data/book --run runs/book --workers 2 --preset char --set steps=500\n" +
        "\nCtrl-C writes a checkpoint and ends; `smallinit resume RUN` goes on from there.\n" +
        `\n${SHARED_MEMORY_HELP}\n`,
    )
    .action(async (options: LaunchOptions) => {
      const configuration = await configurationOf(options);
      const local = await chooseDevices(options.device, configuration.engine);
      const numLocalWorkers = await numLocalWorkersOf(options.workers, local.devices);
      if (options.chaos !== undefined) {
        const { chaosRun } = await import("./chaos-run.ts");
        process.exitCode = await chaosRun({
          plan: parseChaos(options.chaos, {
            numWorkers: numLocalWorkers,
            steps: configuration.steps,
          }),
          run: options.run,
          settings: runArguments(options),
          configuration,
          numWorkers: numLocalWorkers,
          device: options.device,
          devices: local.devices,
        });
        return;
      }
      const { run, data: dataFolder } = options;
      const isResume = await wasKilled(run, { configuration, dataFolder });
      if (isResume) process.stderr.write(`${run} was not brought to its end; going on with it.\n`);
      const { exitCode } = await conductRun({
        data: options.data,
        run: options.run,
        configuration,
        isResume,
        hasTensorboard: options.tensorboard === true,
        listen: { host: "127.0.0.1", port: 0 },
        minWorkers: numLocalWorkers,
        numLocalWorkers,
        local,
        maxRestarts: options.maxRestarts,
        auditRate: options.audit,
        ...(options.profile === true ? { isProfiled: true } : {}),
      });
      process.exitCode = exitCode;
    });
}

/** How many workers to start: `auto` is one per device, but for the CPU, which has a worker per core. */
export async function numLocalWorkersOf(
  wish: number | "auto",
  devices: readonly string[],
): Promise<number> {
  if (wish !== "auto") return wish;
  return devices[0] === "cpu" ? await workersPerCpu() : devices.length;
}

/** Reads `--workers`. @throws {InvalidArgumentError} when it is neither auto nor a count. */
export function numWorkers(text: string): number | "auto" {
  if (text === "auto") return "auto";
  try {
    return wholeNumber(1, MAX_WORKERS)(text);
  } catch {
    throw new InvalidArgumentError(`It must be auto or a whole number from 1 to ${MAX_WORKERS}.`);
  }
}

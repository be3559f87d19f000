import type { Command } from "commander";
import { TrainerError } from "../base/errors.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { resolveConfiguration } from "../configuration/resolve-configuration.ts";
import { readRunConfiguration } from "../coordinator/run-folder.ts";
import { readSession } from "../coordinator/run-session.ts";
import type { DeviceWish } from "../launcher/local-devices.ts";
import { MAX_WORKERS } from "../protocol/limits.ts";
import { auditOption } from "./audit-option.ts";
import { conductRun } from "./conduct-run.ts";
import { readAddress, tokenFor } from "./coordinator-command.ts";
import {
  chooseDevices,
  maxRestartsOption,
  mixedEnginesOption,
  workerDeviceOption,
} from "./engine-options.ts";
import { numLocalWorkersOf, numWorkers } from "./launch-command.ts";
import { repeated, wholeNumber } from "./option-values.ts";
import { addPlaceOptions, listenOn, type PlaceOptions } from "./place-options.ts";
import { addTensorboardOption } from "./run-options.ts";
import { readAssignment } from "./settings.ts";
import { addTlsOptions, type TlsOptions, tlsChoiceOf } from "./tls-options.ts";

interface ResumeOptions extends TlsOptions, PlaceOptions {
  readonly data?: string;
  readonly workers?: number | "auto";
  readonly device: DeviceWish;
  readonly tensorboard?: boolean;
  readonly maxRestarts: number;
  readonly listen?: { readonly host: string; readonly port: number };
  readonly minWorkers: number;
  readonly mixedEngines?: boolean;
  readonly audit: number;
  readonly set?: readonly string[];
}

/** Keys that may change between the starts of one run; the others decide what was computed before. */
const CHANGEABLE_KEYS = [
  ...["steps", "evaluateEvery", "checkpointEvery", "maxSkippedSteps"],
  ...["engine", "allReduce"],
];

/** `smallinit resume`: goes on with a run in place. */
export function addResumeCommand(program: Command): void {
  const command = program
    .command("resume")
    .description("continue a run in place: after Ctrl-C, after a crash, or for more steps")
    .argument("<run>", "run folder");
  addPlaceOptions(addTlsOptions(addTensorboardOption(command)), "its coordinator")
    .option("--data <dir>", "data folder, where it has moved")
    .option(
      "--workers <n>",
      "local workers to start, or auto (default: auto, unless the run's workers came from elsewhere)",
      numWorkers,
    )
    .addOption(workerDeviceOption())
    .addOption(maxRestartsOption())
    .option(
      "--listen <host:port>",
      "wait there for workers from elsewhere (default: where the run did before, if it did)",
      readAddress,
    )
    .option(
      "--min-workers <n>",
      "with --listen: workers without which it waits (default: 1)",
      wholeNumber(1, MAX_WORKERS),
      1,
    )
    .addOption(mixedEnginesOption())
    .addOption(auditOption())
    .option(
      "--set <key=value>",
      `change a key: ${CHANGEABLE_KEYS.join(", ")}; repeatable`,
      repeated,
    )
    .addHelpText(
      "after",
      "\nExample:\n  smallinit resume runs/book --set steps=4000\n" +
        "\nWithout --workers and --listen, a run whose workers came from elsewhere listens where it did, with the same\n" +
        "token: workers that lost it keep their state and call again. Nobody having come back, it goes on from its\n" +
        "last checkpoint.\n" +
        "\nA run with TLS goes on with the certificate that it had.\n" +
        "\nMore steps stretch the cosine of the learning rate from here on: the result is that of no single run.\n",
    )
    .action(async (run: string, options: ResumeOptions) => {
      const former = await readRunConfiguration(run);
      const configuration = changed(former.configuration, options.set ?? []);
      const session = await readSession(run);
      const formerListen = session?.isLocal === false ? session.listen : undefined;
      const elsewhere =
        options.listen ?? (options.workers === undefined ? formerListen : undefined);
      const isLocal = elsewhere === undefined;
      const local = isLocal ? await chooseDevices(options.device, configuration.engine) : undefined;
      const numLocal =
        local === undefined ? 0 : await numLocalWorkersOf(options.workers ?? "auto", local.devices);
      const isChosen = options.listen !== undefined;
      const listen = listenOn(elsewhere ?? { host: "127.0.0.1", port: 0 }, options, isChosen);
      const token = tokenFor(listen.host, session);
      const tls = tlsChoiceOf(options);
      const { exitCode } = await conductRun({
        data: options.data ?? former.dataFolder,
        run,
        configuration,
        isResume: true,
        hasTensorboard: options.tensorboard === true,
        listen,
        ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
        ...(token === undefined ? {} : { token }),
        ...(tls === undefined ? {} : { tls }),
        minWorkers: isLocal ? numLocal : options.minWorkers,
        allowsMixedEngines: options.mixedEngines === true,
        auditRate: options.audit,
        numLocalWorkers: numLocal,
        ...(local === undefined ? {} : { local }),
        maxRestarts: options.maxRestarts,
      });
      process.exitCode = exitCode;
    });
}

/** @throws {TrainerError} ERR_USAGE on a key that may not change; ERR_CONFIG_KEY, ERR_CONFIG_VALUE. */
function changed(former: Configuration, assignments: readonly string[]): Configuration {
  const settings: Record<string, unknown> = { ...former };
  for (const assignment of assignments) {
    const [key, value] = readAssignment(assignment);
    if (!CHANGEABLE_KEYS.includes(key)) {
      throw new TrainerError(
        "ERR_USAGE",
        `${key} cannot change within a run: what was trained so far depends on it. ` +
          `A resumed run can change ${CHANGEABLE_KEYS.join(", ")}.`,
      );
    }
    settings[key] = value;
  }
  return resolveConfiguration(settings);
}

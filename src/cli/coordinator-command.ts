import { type Command, InvalidArgumentError } from "commander";
import { type RunSession, readSession } from "../coordinator/run-session.ts";
import { wasKilled } from "../coordinator/was-killed.ts";
import { MAX_WORKERS } from "../protocol/limits.ts";
import { isLoopback } from "../transport/loopback.ts";
import { randomToken } from "../transport/token.ts";
import { auditOption } from "./audit-option.ts";
import { conductRun } from "./conduct-run.ts";
import { mixedEnginesOption } from "./engine-options.ts";
import { wholeNumber } from "./option-values.ts";
import { addPlaceOptions, listenOn, type PlaceOptions } from "./place-options.ts";
import { addRunOptions, configurationOf, type RunOptions } from "./run-options.ts";
import { addTlsOptions, type TlsOptions, tlsChoiceOf } from "./tls-options.ts";

interface CoordinatorCommandOptions extends RunOptions, TlsOptions, PlaceOptions {
  readonly listen?: { readonly host: string; readonly port: number };
  readonly minWorkers: number;
  readonly mixedEngines?: boolean;
  readonly audit: number;
}

/** Where a coordinator listens unless told otherwise: this machine alone. */
const DEFAULT_LISTEN = { host: "127.0.0.1", port: 7117 };

/** `smallinit coordinator`: conducts a run whose workers come from elsewhere. */
export function addCoordinatorCommand(program: Command): void {
  const command = program
    .command("coordinator")
    .description("conduct a run whose workers are started elsewhere with `smallinit worker URL`");
  addPlaceOptions(addTlsOptions(addRunOptions(command)), "this coordinator")
    .option("--listen <host:port>", "address to listen on (default: 127.0.0.1:7117)", readAddress)
    .option(
      "--min-workers <n>",
      "workers without which the first step waits (default: 1)",
      wholeNumber(1, MAX_WORKERS),
      1,
    )
    .addOption(mixedEnginesOption())
    .addOption(auditOption())
    .addHelpText(
      "after",
      "\nExample:\n  smallinit coordinator --data data/book --run runs/book --listen 0.0.0.0:7117 \\\n" +
        "    --tls self --min-workers 4\n" +
        "\nBeyond loopback workers must show a token: the value of SMALLINIT_TOKEN, else a random one. It is part\n" +
        "of the join command that is printed, and so is the fingerprint of a certificate that signed itself.\n" +
        "A coordinator that was killed goes on by the same command, or `smallinit resume RUN`: its workers keep their\n" +
        "state and call again for a minute (see --coordinator-timeout of worker).\n" +
        "With TLS the links between workers are encrypted as well.\n",
    )
    .action(async (options: CoordinatorCommandOptions) => {
      const configuration = await configurationOf(options);
      const { run, data: dataFolder } = options;
      const isResume = await wasKilled(run, { configuration, dataFolder });
      const session = isResume ? await readSession(run) : undefined;
      if (isResume) process.stderr.write(`${run} was not brought to its end; going on with it.\n`);
      const isChosen = options.listen !== undefined;
      const { host, port } = listenOn(options.listen ?? DEFAULT_LISTEN, options, isChosen);
      const token = tokenFor(host, session);
      const tls = tlsChoiceOf(options);
      const { exitCode } = await conductRun({
        data: options.data,
        run: options.run,
        configuration,
        isResume,
        hasTensorboard: options.tensorboard === true,
        listen: { host, port: port === 0 ? (session?.listen.port ?? 0) : port },
        ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
        ...(token === undefined ? {} : { token }),
        ...(tls === undefined ? {} : { tls }),
        minWorkers: options.minWorkers,
        allowsMixedEngines: options.mixedEngines === true,
        auditRate: options.audit,
        numLocalWorkers: 0,
      });
      process.exitCode = exitCode;
    });
}

/**
 * The token that workers must show: that of the environment, else that of the run's former start, else a
 * random one beyond loopback.
 */
export function tokenFor(host: string, session?: RunSession): string | undefined {
  const given = process.env.SMALLINIT_TOKEN;
  if (given !== undefined && given !== "") return given;
  if (session !== undefined && session.token !== null) return session.token;
  return host === "localhost" || isLoopback(host) ? undefined : randomToken();
}

/** Reads HOST:PORT, with an IPv6 host in brackets. @throws {InvalidArgumentError} when it is none. */
export function readAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<host>[^:\s/]+)):(?<port>\d{1,5})$/.exec(text);
  const host = match?.groups?.ipv6 ?? match?.groups?.host;
  const port = Number(match?.groups?.port);
  if (host === undefined || !(port <= 65_535)) {
    throw new InvalidArgumentError("It must be HOST:PORT, for example 0.0.0.0:7117 or [::]:7117.");
  }
  return { host, port };
}

import { type Command, Option } from "commander";
import { TrainerError } from "../base/errors.ts";
import type { TlsChoice } from "../coordinator/run-tls.ts";

/** Options of the commands that listen. */
export interface TlsOptions {
  readonly tls?: "self";
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Adds --tls, --tls-cert and --tls-key. */
export function addTlsOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--tls <self>",
        "encrypt all links, with a certificate made now; the join URL carries its fingerprint (default: no TLS)",
      ).choices(["self"]),
    )
    .option("--tls-cert <file>", "encrypt all links, with this certificate (PEM, chain included)")
    .option("--tls-key <file>", "the private key of --tls-cert (PEM)");
}

/**
 * What the options ask for; undefined: no TLS.
 *
 * @throws {TrainerError} ERR_USAGE when they do not go together.
 */
export function tlsChoiceOf({ tls, tlsCert, tlsKey }: TlsOptions): TlsChoice | undefined {
  if (tlsCert === undefined && tlsKey === undefined) {
    return tls === undefined ? undefined : { type: "self" };
  }
  if (tlsCert === undefined || tlsKey === undefined || tls !== undefined) {
    throw new TrainerError(
      "ERR_USAGE",
      "Give --tls-cert and --tls-key together, or --tls self alone.",
    );
  }
  return { type: "files", certificate: tlsCert, key: tlsKey };
}

import { networkInterfaces } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { TrainerError } from "../base/errors.ts";
import { interfaceAddress } from "../transport/interface-address.ts";

/** A host, and the port where it is not the one listened on. */
export interface Advertised {
  readonly host: string;
  readonly port?: number;
}

/** Options of the commands that others reach over the network. */
export interface PlaceOptions {
  readonly advertise?: Advertised;
  readonly interface?: string;
}

/** Adds --advertise and --interface. @param who what others reach, for the help. */
export function addPlaceOptions(command: Command, who: string): Command {
  return command
    .option(
      "--advertise <host[:port]>",
      `where others reach ${who}, if that is not where it seems to be (default: found out)`,
      readAdvertised,
    )
    .option(
      "--interface <name>",
      "network interface to listen on, for example eth1 (default: as the other options say)",
    );
}

/** The address of `--interface`; undefined without. @throws {TrainerError} ERR_USAGE. */
export function interfaceOf({ interface: name }: PlaceOptions): string | undefined {
  return name === undefined ? undefined : interfaceAddress(name, networkInterfaces());
}

/**
 * Where a coordinator listens: `--interface` takes the place of a host that was not chosen.
 *
 * @param isChosen whether the user has given `listen`.
 * @throws {TrainerError} ERR_USAGE when both were.
 */
export function listenOn(
  listen: { readonly host: string; readonly port: number },
  options: PlaceOptions,
  isChosen: boolean,
): { readonly host: string; readonly port: number } {
  const host = interfaceOf(options);
  if (host === undefined || listen.host === host) return listen;
  if (isChosen && listen.host !== "0.0.0.0" && listen.host !== "::") {
    throw new TrainerError(
      "ERR_USAGE",
      `--interface ${options.interface} has the address ${host}, but --listen says ${listen.host}. Give one ` +
        `of them, or --listen 0.0.0.0:${listen.port} for the port alone.`,
    );
  }
  return { host, port: listen.port };
}

/** Reads HOST or HOST:PORT, an IPv6 host in brackets where a port follows. */
export function readAdvertised(text: string): Advertised {
  const match =
    /^(?:\[(?<ipv6>[0-9a-fA-F:.%\w]+)\]|(?<host>[A-Za-z0-9._-]+))(?::(?<port>\d{1,5}))?$/.exec(
      text,
    );
  const bare = /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text) ? text : undefined;
  const host = match?.groups?.ipv6 ?? match?.groups?.host ?? bare;
  const port = match?.groups?.port;
  const isPort = port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
  if (host === undefined || !isPort) {
    throw new InvalidArgumentError("It must be HOST or HOST:PORT, for example 10.0.0.5:7117.");
  }
  return { host, ...(port === undefined ? {} : { port: Number(port) }) };
}

import { isIPv6 } from "node:net";
import { TrainerError } from "../base/errors.ts";

/** Where a listener is and what it asks for: what a join URL says. */
export interface JoinAddress {
  /** Name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
  readonly token?: string;
}

/**
 * Reads a join URL, `ws://HOST:PORT/#TOKEN` or `wss://...`; the token may be absent.
 *
 * The token is in the fragment because no client sends a fragment anywhere by itself.
 *
 * @throws {TrainerError} ERR_URL; the message does not show the token.
 */
export function parseJoinUrl(text: string): JoinAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const shown = JSON.stringify(text.replace(/#.*/s, "#...").replace(/\/\/.*@/s, "//...@"));
  if (url === undefined || (url.protocol !== "ws:" && url.protocol !== "wss:")) {
    throw invalid(shown, "must begin with ws:// or wss://");
  }
  if (url.username !== "" || url.password !== "" || url.search !== "") {
    throw invalid(shown, "must have neither a user name nor a query");
  }
  if (url.pathname !== "/") throw invalid(shown, "must have no path");
  const isSecure = url.protocol === "wss:";
  const token = url.hash.slice(1);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
    isSecure,
    ...(token === "" ? {} : { token: decodeToken(token, shown) }),
  };
}

/** The URL that `parseJoinUrl` reads. */
export function formatJoinUrl({ host, port, isSecure, token }: JoinAddress): string {
  const fragment = token === undefined ? "" : `#${encodeURIComponent(token)}`;
  return `${isSecure ? "wss" : "ws"}://${formatHostPort(host, port)}/${fragment}`;
}

/** "host:port", with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function decodeToken(fragment: string, shown: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    throw invalid(shown, "has a token with a broken % sequence");
  }
}

function invalid(shown: string, why: string): TrainerError {
  return new TrainerError(
    "ERR_URL",
    `The URL ${shown} ${why}. Use the join URL that the coordinator printed: ws://HOST:PORT/#TOKEN.`,
  );
}

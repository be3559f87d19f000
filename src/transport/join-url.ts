import { isIPv6 } from "node:net";
import { TrainerError } from "../base/errors.ts";
import { FINGERPRINT_PATTERN } from "./credentials.ts";

/** Where a listener is and what it asks for: what a join URL says. */
export interface JoinAddress {
  /** Name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
  readonly token?: string;
  /** With TLS: SHA-256 of the listener's certificate, base64url. Without, an authority vouches for it. */
  readonly fingerprint?: string;
}

/**
 * Reads a join URL: `ws://HOST:PORT/#TOKEN`, or `wss://HOST:PORT/#TOKEN,FINGERPRINT`. Token and
 * fingerprint may be absent.
 *
 * Both are in the fragment because no client sends a fragment anywhere by itself.
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
  const fragment = url.hash.slice(1);
  // A token is written without commas (they are encoded), so the last one begins the fingerprint.
  const comma = isSecure ? fragment.lastIndexOf(",") : -1;
  const token = comma < 0 ? fragment : fragment.slice(0, comma);
  const fingerprint = comma < 0 ? undefined : fragment.slice(comma + 1);
  if (fingerprint !== undefined && !FINGERPRINT_PATTERN.test(fingerprint)) {
    throw invalid(shown, "has a certificate's fingerprint that is not 43 letters and digits");
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
    isSecure,
    ...(token === "" ? {} : { token: decodeToken(token, shown) }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

/** The URL that `parseJoinUrl` reads. */
export function formatJoinUrl(address: JoinAddress): string {
  const { host, port, isSecure, token, fingerprint } = address;
  const secret = token === undefined ? "" : encodeURIComponent(token);
  const fragment = fingerprint === undefined ? secret : `${secret},${fingerprint}`;
  const scheme = isSecure ? "wss" : "ws";
  return `${scheme}://${formatHostPort(host, port)}/${fragment === "" ? "" : `#${fragment}`}`;
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
    `The URL ${shown} ${why}. Use the join URL that the coordinator printed, all of it: ws://HOST:PORT/#TOKEN.`,
  );
}

import { createHmac } from "node:crypto";
import { isSameSecret, randomToken } from "./token.ts";

// Both ends prove that they hold the same secret and neither shows it, in the terms of HTTP
// authentication (RFC 9110, section 11):
//
//   listener  WWW-Authenticate: Smallinit nonce="L"
//   caller    Authorization: Smallinit nonce="C", proof="HMAC-SHA-256(secret, caller L C)"
//   listener  Authentication-Info: proof="HMAC-SHA-256(secret, listener L C)"
//
// A nonce is fresh and counts once, so what was heard on the wire proves nothing on another connection.
// The role in each proof makes that of one end useless to the other.

/** Header fields, as Node spells them. */
export const CHALLENGE_HEADER = "www-authenticate";
export const LISTENER_PROOF_HEADER = "authentication-info";

const VALUE = "[A-Za-z0-9_-]{43}";
const CHALLENGE = new RegExp(`^Smallinit nonce="(${VALUE})"$`);
const CREDENTIALS = new RegExp(`^Smallinit nonce="(${VALUE})", proof="(${VALUE})"$`);

interface Nonces {
  readonly listener: string;
  readonly caller: string;
}

/** What a listener asks of a caller. */
export interface Challenge {
  /** The value of `CHALLENGE_HEADER`. */
  readonly text: string;
  /**
   * The value of `LISTENER_PROOF_HEADER` for a caller whose Authorization proves that it holds `secret`;
   * undefined for any other. To be asked once.
   */
  answer(authorization: string | undefined, secret: string): string | undefined;
}

/** A challenge with a nonce that was never used. */
export function newChallenge(): Challenge {
  const listener = randomToken();
  return {
    text: `Smallinit nonce="${listener}"`,
    answer(authorization, secret) {
      const [, caller, proof] = CREDENTIALS.exec(authorization ?? "") ?? [];
      if (caller === undefined || proof === undefined) return undefined;
      const nonces = { listener, caller };
      if (!isSameSecret(proof, proofOf("caller", nonces, secret))) return undefined;
      return `proof="${proofOf("listener", nonces, secret)}"`;
    },
  };
}

/** What a caller says to a challenge. */
export interface CallerProof {
  /** The value of Authorization. */
  readonly authorization: string;
  /** Whether `LISTENER_PROOF_HEADER` proves that the listener holds the secret too. */
  isAnsweredBy(listenerProof: string | undefined): boolean;
}

/** Answers the value of a `CHALLENGE_HEADER`; undefined when it is none. */
export function proveTo(challenge: string | undefined, secret: string): CallerProof | undefined {
  const [, listener] = CHALLENGE.exec(challenge ?? "") ?? [];
  if (listener === undefined) return undefined;
  const nonces = { listener, caller: randomToken() };
  const expected = `proof="${proofOf("listener", nonces, secret)}"`;
  return {
    authorization: `Smallinit nonce="${nonces.caller}", proof="${proofOf("caller", nonces, secret)}"`,
    isAnsweredBy: (listenerProof) => isSameSecret(listenerProof ?? "", expected),
  };
}

/** Nonces have no spaces: no two proofs are of the same text. */
function proofOf(
  role: "caller" | "listener",
  { listener, caller }: Nonces,
  secret: string,
): string {
  return createHmac("sha256", secret)
    .update(`smallinit ${role} ${listener} ${caller}`)
    .digest("base64url");
}

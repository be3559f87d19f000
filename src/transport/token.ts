import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { TrainerError } from "../base/errors.ts";

/** A token that cannot be guessed: 256 random bits, safe in a URL's fragment. */
export function randomToken(): string {
  return randomBytes(32).toString("base64url");
}

/**
 * Holds that a token can travel in a header and a URL.
 *
 * @throws {TrainerError} ERR_TOKEN; the message does not show the token.
 */
export function checkToken(token: string): void {
  if (/^[\x21-\x7e]{1,256}$/.test(token)) return;
  throw new TrainerError(
    "ERR_TOKEN",
    `The token has ${token.length} characters or one that is not visible ASCII. ` +
      "Use 1 to 256 letters, digits and signs without spaces.",
  );
}

/** Whether two secrets are the same, in a time that does not tell how much of them is. */
export function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(hashOf(a), hashOf(b));
}

function hashOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

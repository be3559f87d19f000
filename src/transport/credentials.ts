import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { TrainerError } from "../base/errors.ts";
import { codeOf } from "./code-of.ts";

/** What a listener with TLS shows and proves, as PEM. */
export interface Credentials {
  /** The certificate, and those between it and its authority after it. */
  readonly certificate: string;
  /** Its private key, without a passphrase. */
  readonly key: string;
}

/**
 * Holds that a certificate and its key can be read and belong together.
 *
 * @param source for the message, for example "--tls-cert host.pem and --tls-key host.key".
 * @throws {TrainerError} ERR_TLS.
 */
export function checkCredentials({ certificate, key }: Credentials, source: string): void {
  let isPair: boolean;
  try {
    isPair = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new TrainerError(
      "ERR_TLS",
      `${source} cannot be read as a certificate and its private key (${codeOf(cause)}). Both must be ` +
        "PEM, the key without a passphrase.",
      { cause },
    );
  }
  if (isPair) return;
  throw new TrainerError(
    "ERR_TLS",
    `${source} do not belong together: the key is not that of the certificate. Give the pair.`,
  );
}

/**
 * What callers must pin to know a listener by its certificate: its fingerprint when it signed itself;
 * undefined when an authority did, whose word they check as usual.
 */
export function pinOf({ certificate }: Credentials): string | undefined {
  const leaf = new X509Certificate(certificate);
  return leaf.verify(leaf.publicKey) ? fingerprintOf(leaf.raw) : undefined;
}

/** SHA-256 of a certificate's DER bytes, base64url: 43 characters. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("base64url");
}

/** What `fingerprintOf` gives. */
export const FINGERPRINT_PATTERN = /^[A-Za-z0-9_-]{43}$/;

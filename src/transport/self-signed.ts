import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { Credentials } from "./credentials.ts";

/**
 * A new P-256 key and a certificate that it signed itself (RFC 5280, in DER by hand: Node makes keys
 * and signatures, but no certificates).
 *
 * Good for peers that know its fingerprint, and for nobody else; so it names no host and never expires.
 */
export function selfSigned(): Credentials {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(set(sequence(COMMON_NAME, tagged(0x0c, Buffer.from("smallinit")))));
  // Of two certificates of one name no client may take one for the other. The first byte: positive.
  const serial = tagged(0x02, Buffer.concat([Buffer.of(0x40), randomBytes(15)]));
  const names = sequence(tagged(0x82, Buffer.from("smallinit.invalid")));
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Buffer.of(2))),
    serial,
    ECDSA_WITH_SHA256,
    name,
    VALIDITY,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(sequence(SUBJECT_ALT_NAME, tagged(0x04, names)))),
  );
  const signature = tagged(
    0x03,
    Buffer.concat([Buffer.of(0), sign("sha256", toBeSigned, privateKey)]),
  );
  return {
    certificate: pem(sequence(toBeSigned, ECDSA_WITH_SHA256, signature)),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** 2.5.4.3, 2.5.29.17, and 1.2.840.10045.4.3.2 in the sequence that an algorithm stands in. */
const COMMON_NAME = Buffer.from("0603550403", "hex");
const SUBJECT_ALT_NAME = Buffer.from("0603551d11", "hex");
const ECDSA_WITH_SHA256 = Buffer.from("300a06082a8648ce3d040302", "hex");

/** From 2020, whatever a clock says, to the date that means "no end" (RFC 5280, 4.1.2.5). */
const VALIDITY = sequence(
  tagged(0x17, Buffer.from("200101000000Z")),
  tagged(0x18, Buffer.from("99991231235959Z")),
);

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function set(content: Uint8Array): Buffer {
  return tagged(0x31, content);
}

/** A value of less than 64 KiB with its tag and length. */
function tagged(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

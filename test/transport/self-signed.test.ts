import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { checkCredentials, pinOf } from "../../src/transport/credentials.ts";
import { selfSigned } from "../../src/transport/self-signed.ts";

test("is a certificate that OpenSSL reads, signed by its own key", () => {
  const { certificate, key } = selfSigned();
  const read = new X509Certificate(certificate);
  expect(read.subject).toBe("CN=smallinit");
  expect(read.issuer).toBe(read.subject);
  expect(read.subjectAltName).toBe("DNS:smallinit.invalid");
  expect(read.verify(read.publicKey)).toBe(true);
  expect(new Date(read.validFrom).getUTCFullYear()).toBe(2020);
  expect(new Date(read.validTo).getUTCFullYear()).toBe(9999);
  expect(() => checkCredentials({ certificate, key }, "these")).not.toThrow();
});

test("is another one each time, with a serial number that is positive", () => {
  const all = Array.from({ length: 20 }, () => selfSigned());
  expect(new Set(all.map(pinOf)).size).toBe(20);
  const serials = all.map(({ certificate }) => new X509Certificate(certificate).serialNumber);
  expect(new Set(serials).size).toBe(20);
  for (const serial of serials) expect(serial).toMatch(/^40[0-9A-F]{30}$/);
});

test.each([
  ["no PEM", { certificate: "hello" }, /cannot be read as a certificate and its private key/],
  ["no key", { key: "hello" }, /cannot be read .* the key without a passphrase/],
  ["another's key", { key: selfSigned().key }, /do not belong together/],
])("credentials with %s are refused by name", (_name, fields, message) => {
  const check = () => checkCredentials({ ...selfSigned(), ...fields }, "--tls-cert and --tls-key");
  expect(check).toThrow(expect.objectContaining({ code: "ERR_TLS" }));
  expect(check).toThrow(message);
});

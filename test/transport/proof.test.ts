import { expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { newChallenge, proveTo } from "../../src/transport/proof.ts";

/** Answers a challenge of one's own choice, or fails the test. */
const prove = (challenge: string, secret: string) =>
  defined(proveTo(challenge, secret), "an answer to the challenge");

test("two who hold the same secret believe one another", () => {
  const challenge = newChallenge();
  const caller = prove(challenge.text, "secret");
  const answer = challenge.answer(caller.authorization, "secret");
  expect(caller.isAnsweredBy(answer)).toBe(true);
});

test("a listener believes no caller with another secret", () => {
  const challenge = newChallenge();
  const { authorization } = prove(challenge.text, "secre");
  expect(challenge.answer(authorization, "secret")).toBeUndefined();
});

test("a caller believes no listener with another secret, and none that proves nothing", () => {
  const challenge = newChallenge();
  const caller = prove(challenge.text, "secret");
  const impostor = newChallenge();
  const answer = impostor.answer(prove(impostor.text, "guess").authorization, "guess");
  for (const each of [answer, undefined, "", 'proof=""']) {
    expect(caller.isAnsweredBy(each)).toBe(false);
  }
});

test("what was heard on one connection proves nothing on another, to either end", () => {
  const former = newChallenge();
  const caller = prove(former.text, "secret");
  const answer = former.answer(caller.authorization, "secret");
  expect(newChallenge().answer(caller.authorization, "secret")).toBeUndefined();
  expect(prove(former.text, "secret").isAnsweredBy(answer)).toBe(false);
  expect(prove(newChallenge().text, "secret").isAnsweredBy(answer)).toBe(false);
});

test("the proof of one end is not that of the other: nobody can be answered with an echo", () => {
  const challenge = newChallenge();
  const caller = prove(challenge.text, "secret");
  const [, ownProof] = /(proof=.*)/.exec(caller.authorization) ?? [];
  expect(caller.isAnsweredBy(ownProof)).toBe(false);
});

test("nonces and proofs differ each time, and show nothing of the secret", () => {
  const shown = Array.from({ length: 100 }, () => {
    const challenge = newChallenge();
    const { authorization } = prove(challenge.text, "secret");
    return [challenge.text, authorization, challenge.answer(authorization, "secret") ?? ""];
  }).flat();
  expect(new Set(shown).size).toBe(300);
  expect(shown.join()).not.toContain("secret");
});

const NONCE = "n".repeat(43);

test.each([
  ["is missing", undefined],
  ["is empty", ""],
  ["is of another scheme", `Digest nonce="${NONCE}"`],
  ["has a nonce that is too short", `Smallinit nonce="${"n".repeat(42)}"`],
  ["has a nonce that is too long", `Smallinit nonce="${"n".repeat(44)}"`],
  ["has a nonce of other characters", `Smallinit nonce="${"=".repeat(43)}"`],
  ["has more than a nonce", `Smallinit nonce="${NONCE}", realm="a"`],
  ["ends with a line break", `Smallinit nonce="${NONCE}"\n`],
])("a challenge that %s is not answered", (_name, challenge) => {
  expect(proveTo(challenge, "secret")).toBeUndefined();
});

test.each<[string, (valid: string) => string | undefined]>([
  ["are missing", () => undefined],
  ["are empty", () => ""],
  ["are the secret", () => "Bearer secret"],
  ["have a nonce that is too short", (valid) => valid.replace(/nonce="./, 'nonce="')],
  ["have a proof that is too short", (valid) => valid.replace(/proof="./, 'proof="')],
  ["have an empty proof", (valid) => valid.replace(/proof=".*"/, 'proof=""')],
  ["have a proof that is too long", (valid) => valid.replace(/proof="/, 'proof="A')],
  ["have no proof", (valid) => valid.replace(/, .*/, "")],
  ["have more than they should", (valid) => `${valid}, a="b"`],
])("credentials that %s are refused", (_name, spoil) => {
  const challenge = newChallenge();
  const { authorization } = prove(challenge.text, "secret");
  expect(challenge.answer(spoil(authorization), "secret")).toBeUndefined();
});

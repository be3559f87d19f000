import type { Socket } from "node:net";
import { TrainerError } from "../base/errors.ts";
import { CUT, connectError } from "./connect.ts";
import { notSmallinit } from "./not-smallinit.ts";
import { CHALLENGE_HEADER } from "./proof.ts";

/** More than a listener's answer has. */
const ANSWER_BYTES_MAX = 4096;

/**
 * Asks a listener what it wants to be shown, on a connection that is then used for the upgrade.
 *
 * By hand, since an HTTP client would not hand the connection on. Whoever calls sets the deadline.
 *
 * @param where "host:port", for messages.
 * @returns the value of the answer's `CHALLENGE_HEADER`.
 * @throws {TrainerError} ERR_CONNECT when the connection ends before; ERR_NOT_SMALLINIT when the answer
 *   is no answer to HEAD; ERR_TOKEN_WRONG when the listener asks for nothing.
 */
export function askForChallenge(socket: Socket, where: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    function hear(data: Buffer): void {
      answer += data.toString("latin1");
      const isWhole = answer.includes("\r\n\r\n");
      if (!isWhole && answer.length <= ANSWER_BYTES_MAX) return;
      settle(() => {
        const challenge = isWhole ? challengeIn(answer, where) : notHttp(where);
        if (typeof challenge === "string") resolve(challenge);
        else reject(challenge);
      });
    }
    const onError = (error: Error) => settle(() => reject(connectError(where, error)));
    const onEnd = () =>
      settle(() => reject(answer === "" ? connectError(where, CUT) : notHttp(where)));
    function settle(how: () => void): void {
      socket.off("data", hear).off("error", onError).off("end", onEnd).off("close", onEnd);
      how();
    }
    socket.on("data", hear).on("error", onError).on("end", onEnd).on("close", onEnd);
    socket.write(`HEAD / HTTP/1.1\r\nHost: ${where}\r\n\r\n`);
  });
}

/** Reads the head of an answer. */
function challengeIn(answer: string, where: string): string | TrainerError {
  const [statusLine = "", ...headers] = answer.split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(statusLine)?.[1];
  if (status === undefined) return notHttp(where);
  for (const header of headers) {
    const [, name = "", value = ""] = /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(header) ?? [];
    if (status === "401" && name.toLowerCase() === CHALLENGE_HEADER) return value;
  }
  // What a listener says to whoever does not ask for an upgrade.
  if (status !== "426") return notSmallinit(where, `it answered with HTTP status ${status}`);
  return new TrainerError(
    "ERR_TOKEN_WRONG",
    `${where} asks for no token, but this side has one: another coordinator listens there, or one of ` +
      "another version. Use the join URL that the coordinator printed, the same SMALLINIT_TOKEN on both " +
      "sides or on none, and the same version.",
  );
}

function notHttp(where: string): TrainerError {
  return notSmallinit(where, "it does not speak HTTP");
}

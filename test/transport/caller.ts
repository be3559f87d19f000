import { once } from "node:events";
import { connect } from "node:net";
import { type ClientOptions, WebSocket } from "ws";
import { defined } from "../../src/base/assert.ts";
import { askForChallenge } from "../../src/transport/ask-for-challenge.ts";
import { proveTo } from "../../src/transport/proof.ts";

/** What a caller asks for besides. */
export type CallerOptions = ClientOptions & { readonly path?: string; readonly protocol?: string };

/** A WebSocket on its way to a listener on loopback, to whom it proves the token by default. */
export async function webSocketTo(
  port: number,
  token: string,
  { path = "/", protocol = "smallinit", ...options }: CallerOptions = {},
): Promise<WebSocket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const challenge = await askForChallenge(socket, `127.0.0.1:${port}`);
  const { authorization } = defined(proveTo(challenge, token), "a proof");
  return new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol, {
    createConnection: () => socket,
    headers: { Authorization: authorization },
    ...options,
  });
}

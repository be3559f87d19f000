import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebSocket } from "ws";
import { encodeMessage, encodeTensorHeader } from "../../src/protocol/encode.ts";
import { MAX_MESSAGE_BYTES } from "../../src/protocol/limits.ts";
import { type Message, PROTOCOL_VERSION } from "../../src/protocol/messages.ts";
import {
  EXAMPLE_GUESS,
  EXAMPLE_QUESTION,
  EXAMPLE_UPGRADE,
  requestOf,
} from "../../src/transport/handshake-examples.ts";
import { parseJoinUrl } from "../../src/transport/join-url.ts";
import { webSocketTo } from "../transport/caller.ts";
import {
  eventsOf,
  SMALL_RUN,
  smallinit,
  startWorker,
  stepsOf,
  summaryOf,
  until,
  untilStep,
} from "./processes.ts";
import { complete, prepareTrial, TRIAL_MS, type Trial } from "./trial.ts";

const TOKEN = "the-token-of-this-test";
const NUM_STEPS = 60;
const SETTINGS = [...SMALL_RUN, "--set", `steps=${NUM_STEPS}`];
const environment = { SMALLINIT_TOKEN: TOKEN };
const LIMIT_MS = 300_000;

let trial: Trial;

beforeAll(async () => {
  trial = await prepareTrial("hostile", SETTINGS);
}, TRIAL_MS);

afterAll(() => trial.remove());

function runArgs(run: string): string[] {
  return ["--data", trial.data, "--run", run, ...SETTINGS];
}

/** Someone who knows nothing: what it writes on a bare connection, which it then leaves open. */
const strangers: readonly (readonly [string, string | Buffer])[] = [
  ["says nothing", ""],
  ["sends random bytes", Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 197 + 31) & 255))],
  ["begins a request and does not end it", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow:"],
  ["sends a header without end", `GET / HTTP/1.1\r\nX: ${"a".repeat(100_000)}`],
  [
    "announces a body of a terabyte",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1099511627776\r\n\r\nabc",
  ],
  [
    "guesses a proof",
    Buffer.concat([EXAMPLE_QUESTION, requestOf([...EXAMPLE_UPGRADE, EXAMPLE_GUESS])]),
  ],
];

const hello: Message = {
  ...{ type: "hello", protocolVersion: PROTOCOL_VERSION, name: "mallory/1", packageVersion: "0" },
  ...{ peerHost: "127.0.0.1", peerPort: 9 },
};
const tensor = (generation: number, step: number) => {
  const place = { kind: "sum", vector: 0, elements: "f32", offset: 0, lo: 0, hi: 0 } as const;
  const payload = new Uint8Array(64);
  return Buffer.concat([
    encodeTensorHeader({ ...place, generation, step, payload }),
    Buffer.from(payload),
  ]);
};

/** Someone who has the token: what it says on an open WebSocket, which it then leaves open. */
const traitors: readonly (readonly [
  string,
  (say: (bytes: Uint8Array | string) => void) => void,
])[] = [
  ["says nothing", () => undefined],
  ["sends text", (say) => say("let me in")],
  ["sends nonsense", (say) => say(Buffer.from("SIC1 nonsense"))],
  ["sends a message that is too long", (say) => say(Buffer.alloc(MAX_MESSAGE_BYTES + 1))],
  ["sends frames before its name", (say) => say(tensor(1, 1))],
  [
    "speaks another version",
    (say) => say(encodeMessage({ ...hello, protocolVersion: PROTOCOL_VERSION + 1 })),
  ],
  [
    "gives its name twice",
    (say) => {
      say(encodeMessage(hello));
      say(encodeMessage(hello));
    },
  ],
  [
    "claims to be done with steps and generations old and new",
    (say) => {
      say(encodeMessage(hello));
      for (const generation of [0, 1, 2, 2 ** 32 - 1]) {
        const moment = { generation, step: 1 };
        say(encodeMessage({ type: "linked", generation }));
        say(encodeMessage({ type: "computed", ...moment }));
        const fields = { lossSum: 0, gradientNorm: 0, computeMs: 0, exchangeMs: 0 };
        say(encodeMessage({ type: "ready", ...moment, ...fields }));
        say(encodeMessage({ type: "peer-lost", generation, peerId: 0, reason: "a lie" }));
        say(tensor(generation, 1));
      }
    },
  ],
  [
    "speaks as a coordinator",
    (say) => {
      say(encodeMessage(hello));
      say(encodeMessage({ type: "finish", reason: "a lie" }));
    },
  ],
  [
    "asks for the configuration and then says nothing",
    (say) => say(encodeMessage({ ...hello, name: "sleeper/1" })),
  ],
];

/** A WebSocket of somebody who has the token. */
async function traitorTo(port: number): Promise<WebSocket> {
  const webSocket = await webSocketTo(port, TOKEN);
  webSocket.on("error", () => undefined);
  await once(webSocket, "open");
  return webSocket;
}

async function strangerTo(port: number, bytes: string | Buffer): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.resume();
  socket.write(bytes);
  return socket;
}

describe.each(["mesh", "star"])("a run with hostile callers at every door: %s", (allReduce) => {
  test(
    "ends with the bits of one that nobody disturbed",
    async () => {
      const run = join(trial.folder, allReduce);
      const args = ["--min-workers", "2", "--listen", "127.0.0.1:0"];
      const more = [...args, ...runArgs(run), "--set", `allReduce=${allReduce}`];
      const coordinator = smallinit(["coordinator", ...more], false, { environment });
      const url = await until("the join URL", coordinator, () => {
        return /smallinit worker '(?<url>[^']+)'/.exec(coordinator.output())?.groups?.url;
      });
      const workers = [startWorker(url), startWorker(url)];
      await untilStep(run, 2, coordinator);
      const peerPorts = eventsOf(run, "joined").map(({ address }) =>
        Number(String(address).split(":")[1]),
      );
      expect(peerPorts).toHaveLength(2);
      const { port } = parseJoinUrl(url);
      const sockets: { destroy(): void }[] = [];
      for (const door of [port, ...peerPorts]) {
        for (const [, bytes] of strangers) sockets.push(await strangerTo(door, bytes));
      }
      for (const [, attack] of traitors) {
        const webSocket = await traitorTo(port);
        attack((bytes) => webSocket.send(bytes));
        sockets.push({ destroy: () => webSocket.terminate() });
      }
      // The head of a frame, and then never the rest.
      const half = await traitorTo(port);
      half.send(Buffer.from("SIT1"), { fin: false });
      sockets.push({ destroy: () => half.terminate() });
      await complete(coordinator);
      for (const worker of workers) await complete(worker);
      for (const each of sockets) each.destroy();

      expect(summaryOf(run)).toMatchObject({
        status: "completed",
        parameterDigest: trial.undisturbedDigest,
      });
      expect(stepsOf(run)).toEqual(Array.from({ length: NUM_STEPS }, (_, i) => i + 1));
      const names = new Map(
        eventsOf(run, "joined").map(({ workerId, name }) => [workerId, String(name)]),
      );
      const lost = eventsOf(run, "lost").map(({ workerId }) => names.get(workerId));
      expect(lost.filter((name) => !/^(mallory|sleeper)/.test(name ?? ""))).toEqual([]);
    },
    LIMIT_MS,
  );
});

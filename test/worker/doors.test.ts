import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { formatJoinUrl, parseJoinUrl } from "../../src/transport/join-url.ts";
import {
  type Fleet,
  SMALL_RUN,
  smallinit,
  startFleet,
  startWorker,
  summaryOf,
  until,
  untilStep,
} from "./processes.ts";
import { complete, prepareTrial, TRIAL_MS, type Trial } from "./trial.ts";

const certificate = (name: string) =>
  fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

let trial: Trial;

beforeAll(async () => {
  trial = await prepareTrial("doors");
}, TRIAL_MS);

afterAll(() => trial.remove());

function coordinatorArgs(run: string, minWorkers: number, more: readonly string[]): string[] {
  const args = [
    "coordinator",
    "--data",
    trial.data,
    "--run",
    run,
    "--min-workers",
    String(minWorkers),
  ];
  return [...args, ...SMALL_RUN, ...more];
}

async function completeFleet({ coordinator, workers }: Fleet): Promise<void> {
  await complete(coordinator);
  for (const worker of workers) await complete(worker);
}

/** Every file below a folder. */
function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile());
}

test.each(["mesh", "star"])("a fleet with TLS ends with the same bits: %s", async (allReduce) => {
  const run = trial.newRun();
  const more = ["--tls", "self", "--set", `allReduce=${allReduce}`];
  const fleet = await startFleet(coordinatorArgs(run, 3, more), 3);
  expect(parseJoinUrl(fleet.url)).toMatchObject({
    ...{ isSecure: true, fingerprint: expect.stringMatching(/^[\w-]{43}$/) },
  });
  await completeFleet(fleet);
  expect(summaryOf(run)).toMatchObject({
    status: "completed",
    parameterDigest: trial.undisturbedDigest,
  });
});

test("a worker whose URL pins another certificate does not join", async () => {
  const run = trial.newRun();
  const { coordinator, url } = await startFleet(coordinatorArgs(run, 1, ["--tls", "self"]), 0);
  const other = formatJoinUrl({ ...parseJoinUrl(url), fingerprint: "A".repeat(43) });
  const worker = startWorker(other);
  expect((await worker.exit).code).toBe(1);
  expect(worker.output()).toMatch(/^ERR_CERTIFICATE: 127\.0\.0\.1:\d+ shows a certificate/m);
  coordinator.child.kill("SIGKILL");
  await coordinator.exit;
});

test("a resumed run keeps its certificate, which its owner alone can read", async () => {
  const run = trial.newRun();
  const args = coordinatorArgs(run, 1, ["--tls", "self", "--set", "checkpointEvery=5"]);
  const { coordinator, url } = await startFleet(args, 1);
  await untilStep(run, 6, coordinator);
  coordinator.child.kill("SIGKILL");
  await coordinator.exit;
  expect(statSync(join(run, "tls.json")).mode & 0o777).toBe(0o600);

  const resumed = smallinit(["resume", run, "--listen", "127.0.0.1:0"]);
  const newUrl = await until("the join URL", resumed, () => {
    return /smallinit worker '(?<url>[^']+)'/.exec(resumed.output())?.groups?.url;
  });
  expect(parseJoinUrl(newUrl).fingerprint).toBe(
    defined(parseJoinUrl(url).fingerprint, "fingerprint"),
  );
  const worker = startWorker(newUrl);
  await complete(resumed);
  await complete(worker);
  expect(summaryOf(run).parameterDigest).toBe(trial.undisturbedDigest);
});

test("a certificate that an authority signed is checked as usual, and not pinned", async () => {
  const run = trial.newRun();
  const files = ["--tls-cert", certificate("host.pem"), "--tls-key", certificate("host.key")];
  const { coordinator, url } = await startFleet(coordinatorArgs(run, 1, files), 0);
  expect(url).toMatch(/^wss:\/\/127\.0\.0\.1:\d+\/$/);
  const stranger = startWorker(url);
  expect((await stranger.exit).code).toBe(1);
  expect(stranger.output()).toMatch(/^ERR_CERTIFICATE: .* set NODE_EXTRA_CA_CERTS to its file/m);
  const trusting = { NODE_EXTRA_CA_CERTS: certificate("authority.pem") };
  const worker = smallinit(["worker", url, "--threads", "1"], false, { environment: trusting });
  await complete(coordinator);
  await complete(worker);
  expect(summaryOf(run).parameterDigest).toBe(trial.undisturbedDigest);
});

test.each([
  ["a certificate without a key", ["--tls-cert", "a.pem"], "ERR_USAGE: Give --tls-cert and"],
  [
    "both kinds",
    ["--tls", "self", "--tls-cert", "a", "--tls-key", "b"],
    "ERR_USAGE: Give --tls-cert and",
  ],
  ["a file that is not there", ["--tls-cert", "no.pem", "--tls-key", "no.key"], "ERR_TLS: Cannot"],
  [
    "a key that is another's",
    ["--tls-cert", certificate("authority.pem"), "--tls-key", certificate("host.key")],
    "do not belong together",
  ],
])("a coordinator with %s is refused", async (_name, more, message) => {
  const run = trial.newRun();
  const coordinator = smallinit(coordinatorArgs(run, 1, more));
  expect((await coordinator.exit).code).toBe(2);
  expect(coordinator.output()).toContain(message);
  expect(existsSync(run)).toBe(false);
});

test("the token is in the printed URL's fragment and in nothing else that a run writes", async () => {
  const run = trial.newRun();
  const args = [...coordinatorArgs(run, 2, ["--tls", "self"]), "--listen", "0.0.0.0:0"];
  const coordinator = smallinit(args);
  const url = await until("the join URL", coordinator, () => {
    return /smallinit worker '(?<url>[^']+)'/.exec(coordinator.output())?.groups?.url;
  });
  const token = defined(parseJoinUrl(url).token, "a random token beyond loopback");
  expect(token).toMatch(/^[\w-]{43}$/);
  // This machine's own address may not be reachable from a sandbox; its loopback is.
  const local = formatJoinUrl({ ...parseJoinUrl(url), host: "127.0.0.1" });
  const wrong = startWorker(formatJoinUrl({ ...parseJoinUrl(local), token: "wrong" }));
  expect((await wrong.exit).code).toBe(1);
  const workers = [startWorker(local), startWorker(local)];
  await completeFleet({ coordinator, url, workers });

  const texts = new Map([
    ["the coordinator", coordinator.output().replace(url, "")],
    ["a worker turned away", wrong.output()],
    ...workers.map((worker, i) => [`worker ${i}`, worker.output()] as const),
    // What is kept for a resumed run is kept for the owner alone.
    ...filesIn(run)
      .filter((file) => (statSync(file).mode & 0o077) !== 0)
      .map((file) => [file, readFileSync(file, "latin1")] as const),
  ]);
  expect(texts.size).toBeGreaterThan(8);
  for (const [where, text] of texts) {
    expect(text.includes(token), `${where} shows the token`).toBe(false);
  }
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { parseJoinUrl } from "../../src/transport/join-url.ts";
import { isRequired } from "../is-required.ts";
import {
  eventsOf,
  type Running,
  SMALL_RUN,
  smallinit,
  stepsOf,
  summaryOf,
  until,
  untilStep,
  writeData,
} from "../worker/processes.ts";
import { canMakeNamespaces, type HostNetwork, makeHosts, type NetworkHost } from "./namespaces.ts";

const isPossible = isRequired("namespaces") || canMakeNamespaces();

/** Far beyond what it takes, also on a machine with other work. */
const LIMIT_MS = 300_000;

const NAME = "four hosts on their own addresses, with TLS and a token";

describe.skipIf(!isPossible)(NAME, { timeout: LIMIT_MS }, () => {
  let folder: string;
  let data: string;
  let network: HostNetwork;
  /** What one worker alone computes. */
  let undisturbed: unknown;
  let numRuns = 0;
  const newRun = () => join(folder, `run-${numRuns++}`);

  beforeAll(async () => {
    network = makeHosts(4);
    folder = await mkdtemp(join(tmpdir(), "smallinit-hosts-"));
    data = join(folder, "data");
    await writeData(data);
    const run = newRun();
    const args = ["launch", "--data", data, "--run", run, "--workers", "1", ...SMALL_RUN];
    await complete(smallinit(args));
    undisturbed = summaryOf(run).parameterDigest;
  }, LIMIT_MS);

  afterAll(async () => {
    network[Symbol.dispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function complete(running: Running): Promise<void> {
    const { code } = await running.exit;
    expect(code, running.output()).toBe(0);
  }

  const host = (i: number): NetworkHost => defined(network.hosts[i], "a host");

  /** A coordinator on host 0 and the URL that it prints. */
  async function startCoordinator(run: string, minWorkers: number) {
    const args = ["coordinator", "--data", data, "--run", run, ...SMALL_RUN, "--tls", "self"];
    const more = ["--min-workers", String(minWorkers), "--interface", "lan0"];
    const coordinator = smallinit([...args, ...more], false, { on: network.on(host(0)) });
    const url = await until("the join URL", coordinator, () => {
      return /smallinit worker '(?<url>[^']+)'/.exec(coordinator.output())?.groups?.url;
    });
    return { coordinator, url };
  }

  function startWorker(on: NetworkHost, url: string, more: readonly string[] = []): Running {
    return smallinit(["worker", url, "--threads", "1", ...more], false, { on: network.on(on) });
  }

  function expectUndisturbed(run: string): void {
    expect(summaryOf(run)).toMatchObject({ status: "completed", parameterDigest: undisturbed });
    expect(stepsOf(run)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  }

  test("train to the bits of one worker, and show the addresses that they use", async () => {
    const run = newRun();
    const { coordinator, url } = await startCoordinator(run, 3);
    expect(parseJoinUrl(url)).toMatchObject({
      ...{ host: "10.77.0.1", port: 7117, isSecure: true },
      ...{ token: expect.stringMatching(/.{43}/), fingerprint: expect.stringMatching(/.{43}/) },
    });
    const workers = [1, 2, 3].map((i) => startWorker(host(i), url));
    for (const running of [coordinator, ...workers]) await complete(running);
    expectUndisturbed(run);
    const [listening] = eventsOf(run, "listening");
    expect(listening).toMatchObject({ listening: "10.77.0.1:7117", advertised: "10.77.0.1:7117" });
    const hosts = eventsOf(run, "joined").map((event) => String(event.address).split(":")[0]);
    expect(new Set(hosts)).toEqual(new Set(["10.77.0.2", "10.77.0.3", "10.77.0.4"]));
    expect(workers[0]?.output()).toMatch(/Joined as worker \d at 10\.77\.0\.2:\d+/);
  });

  test("go on without a host that is cut off", async () => {
    const run = newRun();
    const { coordinator, url } = await startCoordinator(run, 3);
    const workers = [1, 2, 3].map((i) => startWorker(host(i), url));
    await untilStep(run, 6, coordinator);
    // Nothing tells either side: only the silence does.
    network.cut(host(3));
    await complete(coordinator);
    for (const worker of workers.slice(0, 2)) await complete(worker);
    network.mend(host(3));
    workers[2]?.child.kill("SIGKILL");
    expectUndisturbed(run);
    expect(eventsOf(run, "lost")).toHaveLength(1);
  });

  test("go on when the coordinator's host was cut off and is back", async () => {
    const run = newRun();
    const { coordinator, url } = await startCoordinator(run, 3);
    const former = [1, 2, 3].map((i) => startWorker(host(i), url));
    await untilStep(run, 6, coordinator);
    network.cut(host(0));
    await until("the loss of all", coordinator, () => eventsOf(run, "lost")[2]);
    network.mend(host(0));
    const workers = [1, 2, 3].map((i) => startWorker(host(i), url));
    await complete(coordinator);
    expectUndisturbed(run);
    for (const worker of [...former, ...workers]) worker.child.kill("SIGKILL");
  });

  test("drop a worker that advertises the wrong interface by name, and take it corrected", async () => {
    const run = newRun();
    const { coordinator, url } = await startCoordinator(run, 3);
    const wrong = startWorker(host(1), url, ["--interface", "lonely0"]);
    await until("the first worker", coordinator, () => eventsOf(run, "joined")[0]);
    // Two: of a link that fails alone, nobody could tell whose fault it is.
    const peers = [2, 3].map((i) => startWorker(host(i), url));
    await until("the loss", coordinator, () => eventsOf(run, "lost")[0]);
    // Holds the run, which the other hosts alone would end too soon: now it waits for workers.
    for (const peer of peers) peer.child.kill("SIGKILL");
    expect((await wrong.exit).code).toBe(1);
    expect(wrong.output()).toMatch(
      /ERR_PEER_LOST: .*worker 0 cannot be reached by its peers at 10\.78\.1\.1:\d+ .*--interface NAME/,
    );
    const corrected = startWorker(host(1), url, ["--interface", "lan0"]);
    for (const running of [coordinator, corrected]) await complete(running);
    const [joined] = eventsOf(run, "joined").slice(3);
    expect(joined).toMatchObject({ address: expect.stringMatching(/^10\.77\.0\.2:\d+$/) });
    expectUndisturbed(run);
  });
});

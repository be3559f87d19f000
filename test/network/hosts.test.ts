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
} from "../worker/processes.ts";
import {
  complete,
  ENDLESS_RUN,
  expectSameAsAlone,
  prepareTrial,
  type Trial,
} from "../worker/trial.ts";
import { canMakeNamespaces, type HostNetwork, makeHosts, type NetworkHost } from "./namespaces.ts";

const isPossible = isRequired("namespaces") || canMakeNamespaces();

/** Far beyond what it takes, also on a machine with other work. */
const LIMIT_MS = 300_000;

const NAME = "four hosts on their own addresses, with TLS and a token";

describe.skipIf(!isPossible)(NAME, { timeout: LIMIT_MS }, () => {
  let network: HostNetwork;
  let trial: Trial;

  beforeAll(async () => {
    network = makeHosts(4);
    trial = await prepareTrial("hosts");
  }, LIMIT_MS);

  afterAll(async () => {
    network[Symbol.dispose]();
    await trial.remove();
  });

  const host = (i: number): NetworkHost => defined(network.hosts[i], "a host");

  /** A coordinator on host 0 and the URL that it prints. */
  async function startCoordinator(run: string, minWorkers: number, more: readonly string[] = []) {
    const args = ["coordinator", "--data", trial.data, "--run", run, ...SMALL_RUN, "--tls", "self"];
    const where = ["--min-workers", String(minWorkers), "--interface", "lan0"];
    const coordinator = smallinit([...args, ...where, ...more], false, { on: network.on(host(0)) });
    const url = await until("the join URL", coordinator, () => {
      return /smallinit worker '(?<url>[^']+)'/.exec(coordinator.output())?.groups?.url;
    });
    return { coordinator, url };
  }

  function startWorker(on: NetworkHost, url: string, more: readonly string[] = []): Running {
    return smallinit(["worker", url, "--threads", "1", ...more], false, { on: network.on(on) });
  }

  function expectUndisturbed(run: string): void {
    const { undisturbedDigest: parameterDigest } = trial;
    expect(summaryOf(run)).toMatchObject({ status: "completed", parameterDigest });
    expect(stepsOf(run)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  }

  test("train to the bits of one worker, and show the addresses that they use", async () => {
    const run = trial.newRun();
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
    const run = trial.newRun();
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

  test("take a host back that was cut off for longer than silence is borne", async () => {
    const run = trial.newRun();
    const { coordinator, url } = await startCoordinator(run, 2, ENDLESS_RUN);
    const [stays, returns] = [1, 2].map((i) => startWorker(host(i), url));
    await untilStep(run, 6, coordinator);
    network.cut(host(2));
    const lost = await until("the loss", coordinator, () => eventsOf(run, "lost")[0]);
    await untilStep(run, Number(lost.step) + 2, coordinator);
    network.mend(host(2));
    const isBack = () => eventsOf(run, "generation").slice(2)[0];
    const { members, step } = await until("the return", coordinator, isBack);
    expect(members).toHaveLength(2);
    await untilStep(run, Number(step) + 2, coordinator);
    coordinator.child.kill("SIGINT");
    expect((await coordinator.exit).code, coordinator.output()).toBe(130);
    // The same process, with what it held, and nobody else was lost meanwhile.
    for (const worker of [stays, returns]) await complete(defined(worker, "a worker"));
    expect(eventsOf(run, "lost")).toHaveLength(1);
    expect(eventsOf(run, "joined")[2]).toHaveProperty("held");
    await expectSameAsAlone(run, trial);
  });

  test("go on when the coordinator's host was cut off and is back", async () => {
    const run = trial.newRun();
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
    const run = trial.newRun();
    const { coordinator, url } = await startCoordinator(run, 3);
    const wrong = startWorker(host(1), url, ["--interface", "lonely0"]);
    await until("the first worker", coordinator, () => eventsOf(run, "joined")[0]);
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

  test("keep the one of two whose address is right", async () => {
    const run = trial.newRun();
    const { coordinator, url } = await startCoordinator(run, 2);
    const wrong = startWorker(host(1), url, ["--interface", "lonely0"]);
    // Who comes later calls who is there.
    await until("the first worker", coordinator, () => eventsOf(run, "joined")[0]);
    const right = startWorker(host(2), url);
    for (const running of [coordinator, right]) await complete(running);
    expect((await wrong.exit).code).toBe(1);
    expect(wrong.output()).toMatch(/ERR_PEER_LOST: .*worker 0 .*10\.78\.1\.1:\d+/);
    expect(eventsOf(run, "lost")).toMatchObject([{ workerId: 0, code: "ERR_PEER_LOST" }]);
    expectUndisturbed(run);
  });
});

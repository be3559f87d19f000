import { defined } from "../base/assert.ts";
import type { Held, Hello, PeerAddress, Prepared, TensorShape } from "../protocol/messages.ts";
import { formatHostPort } from "../transport/join-url.ts";
import { engineFingerprint } from "./engine-fingerprint.ts";
import { loseWorkers } from "./membership.ts";
import { refusalOf } from "./refusal-of.ts";
import type { Standing } from "./run-state.ts";
import { emit, nameOf, record, say, setStanding, type Turn, update, withEntry } from "./turn.ts";

/** Someone wants to work: takes it in, or says why not. */
export function onHello(turn: Turn, workerId: number, hello: Hello, host: string): void {
  const refusal = refusalOf(turn.state, hello, addressOf(hello, host));
  if (refusal !== undefined) {
    const reject = { type: "reject", ...refusal } as const;
    emit(turn, { type: "drop", workerId, reject });
    say(turn, `Refused ${hello.name}: ${refusal.message}`, "warn");
    return;
  }
  const { state, nowMs } = turn;
  if (hello.held !== undefined) {
    takeBack(turn, workerId, { ...hello, held: hello.held }, host);
    return;
  }
  // During a run a joiner makes its engine from the seed first, which pauses nobody; the state of the
  // step at which it joins follows when it is prepared.
  const isGathering = state.members.length === 0 && state.step === state.saved.step;
  const step = isGathering && state.reunion === undefined ? state.step : 0;
  const standing: Standing = { type: "preparing", sinceMs: nowMs, step };
  const address = addressOf(hello, host);
  const place = address === undefined ? {} : { address };
  const entry = { name: hello.name, address, standing };
  update(turn, { workers: withEntry(state.workers, workerId, entry) });
  const where = address === undefined ? undefined : formatHostPort(address.host, address.port);
  const told = where === undefined ? {} : { address: where };
  // Written ahead: the id that a worker is told is never given again.
  record(turn, { type: "joined", workerId, name: hello.name, host, ...told });
  const isUnderWay = state.members.length > 0;
  const answer = { step, restore: step > 0, keep: false, isUnderWay };
  emit(turn, { type: "welcome", workerId, ...answer, ...place });
  if (step > 0) emit(turn, { type: "send-state", workerId, step });
  const reached = where === undefined ? "" : `; its peers reach it at ${where}`;
  say(turn, `${nameOf(turn.state, workerId)} has joined and prepares its engine${reached}.`);
}

/** Someone comes back with the state that it had when it lost us, or our predecessor. */
function takeBack(
  turn: Turn,
  workerId: number,
  hello: Hello & { readonly held: Held },
  host: string,
): void {
  const { state, nowMs } = turn;
  const { runId: _, ...held } = hello.held;
  const { step } = held;
  const address = addressOf(hello, host);
  const place = address === undefined ? {} : { address };
  const standing: Standing = { type: "preparing", sinceMs: nowMs, step };
  const entry = { name: hello.name, address, standing, held };
  const { reunion } = state;
  update(turn, {
    workers: withEntry(state.workers, workerId, entry),
    reunion: reunion && {
      ...reunion,
      cameMs: nowMs,
      held: withEntry(reunion.held, workerId, held),
    },
  });
  record(turn, { type: "joined", workerId, name: hello.name, held });
  const answer = { step, restore: false, keep: true, isUnderWay: false };
  emit(turn, { type: "welcome", workerId, ...answer, ...place });
  say(turn, `${nameOf(turn.state, workerId)} is back with the state of step ${step}.`);
}

/** Where a worker's peers reach it. `host` is where the coordinator sees it. */
function addressOf({ peerPort: port, ...hello }: Hello, host: string): PeerAddress | undefined {
  if (port === 0) return undefined;
  const { peerHost = host, peerFingerprint: fingerprint } = hello;
  return { host: peerHost, port, ...(fingerprint === undefined ? {} : { fingerprint }) };
}

/** A worker has an engine and parameters: the same layout and bits as everybody's, or it is out. */
export function onPrepared(turn: Turn, workerId: number, prepared: Prepared): void {
  const standing = turn.state.workers.get(workerId)?.standing;
  if (standing === undefined || standing.type === "member" || standing.type === "prepared") {
    update(turn, { numStale: turn.state.numStale + 1 });
    return;
  }
  // State frames of an older step may still have been on their way when a newer one was begun.
  if (prepared.step !== standing.step) return;
  if (isForeign(turn, prepared)) {
    loseWorkers(turn, [workerId], foreignWords(turn, prepared), "ERR_FLEET_MIXED");
    return;
  }
  const complaint = complaintAbout(turn, prepared);
  if (complaint !== undefined) {
    loseWorkers(turn, [workerId], complaint, "ERR_REPLICA_DIVERGED");
    return;
  }
  const { layout, initialDigest } = turn.state;
  update(turn, {
    layout: layout ?? prepared.layout,
    initialDigest: prepared.step === 0 ? prepared.digest : initialDigest,
    fingerprint: turn.state.fingerprint ?? engineFingerprint(prepared),
  });
  const { step, digest, engine, device, runtime, numThreads, processor } = prepared;
  setStanding(turn, workerId, { type: "prepared", step, digest, replayingSinceMs: undefined });
  const entry = defined(turn.state.workers.get(workerId), `worker ${workerId}`);
  update(turn, { workers: withEntry(turn.state.workers, workerId, { ...entry, processor }) });
  noteReturn(turn, workerId, prepared);
  record(turn, {
    type: "prepared",
    ...{ workerId, step, digest },
    ...{ engine, device, runtime, numThreads, processor },
  });
}

/** Keeps what a worker says that is awaited by `reunite`, which compares. */
function noteReturn(turn: Turn, workerId: number, { step, digest }: Prepared): void {
  const { reunion } = turn.state;
  const held = reunion?.held.get(workerId);
  if (reunion === undefined || held === undefined) return;
  const said = { ...held, step, digest };
  update(turn, { reunion: { ...reunion, held: withEntry(reunion.held, workerId, said) } });
}

/** Whether it computes with something else than the others, and that is not wanted. */
function isForeign({ state }: Turn, prepared: Prepared): boolean {
  const { fingerprint, plan } = state;
  if (fingerprint === undefined || plan.allowsMixedEngines) return false;
  return engineFingerprint(prepared) !== fingerprint;
}

function foreignWords({ state }: Turn, prepared: Prepared): string {
  return (
    `computes with ${engineFingerprint(prepared)}, the others with ${state.fingerprint}, so that the ` +
    "result's bits would depend on who computes what. Give it the same engine and version (worker " +
    "--engine), or allow this with --mixed-engines on the coordinator"
  );
}

function complaintAbout({ state }: Turn, { layout, step, digest }: Prepared): string | undefined {
  if (state.layout !== undefined && !isSameLayout(layout, state.layout)) {
    return "has parameters of another layout; install the same version of smallinit on all hosts";
  }
  const known = [state.agreed, state.snapshot].find((one) => one?.step === step);
  const expected = step === 0 ? state.initialDigest : known?.digest;
  if (expected === undefined || digest === expected) return undefined;
  return (
    `has parameters ${digest} after step ${step}, the others have ${expected}; compare engines ` +
    "and versions on both hosts"
  );
}

function isSameLayout(a: readonly TensorShape[], b: readonly TensorShape[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

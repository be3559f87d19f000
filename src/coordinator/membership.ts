import { assertNever, defined } from "../base/assert.ts";
import type {
  Form,
  Held,
  Hello,
  Linked,
  PeerAddress,
  Prepared,
  TensorShape,
} from "../protocol/messages.ts";
import { formatHostPort } from "../transport/join-url.ts";
import { engineFingerprint } from "./engine-fingerprint.ts";
import { returnBatches } from "./evaluation.ts";
import { holdingsOf } from "./holdings-of.ts";
import { recordCommits } from "./record-commits.ts";
import { refusalOf } from "./refusal-of.ts";
import type { Standing } from "./run-state.ts";
import { dropFromDigests, dropFromSnapshot } from "./snapshot.ts";
import {
  emit,
  nameOf,
  record,
  say,
  setStanding,
  type Turn,
  update,
  withEntry,
  withoutEntry,
} from "./turn.ts";

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
  emit(turn, { type: "welcome", workerId, step, restore: step > 0, keep: false, ...place });
  if (step > 0) emit(turn, { type: "send-state", workerId, step });
  const where = address === undefined ? undefined : formatHostPort(address.host, address.port);
  const told = where === undefined ? {} : { address: where };
  record(turn, { type: "joined", workerId, name: hello.name, host, ...told });
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
  const { step, digest, hasSum } = hello.held;
  const address = addressOf(hello, host);
  const place = address === undefined ? {} : { address };
  const standing: Standing = { type: "preparing", sinceMs: nowMs, step };
  const entry = { name: hello.name, address, standing, held: { step, digest, hasSum } };
  const { reunion } = state;
  update(turn, {
    workers: withEntry(state.workers, workerId, entry),
    reunion: reunion && {
      ...reunion,
      held: withEntry(reunion.held, workerId, { step, digest, hasSum }),
    },
  });
  emit(turn, { type: "welcome", workerId, step, restore: false, keep: true, ...place });
  record(turn, { type: "joined", workerId, name: hello.name, held: { step, digest, hasSum } });
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

/**
 * Makes `memberIds` the fleet of a new generation. Ends any step under way: it is assigned again, and
 * since nobody updates before a commit, its result is the same bits.
 */
export function formFleet(turn: Turn, memberIds: readonly number[]): void {
  recordCommits(turn);
  const members = [...memberIds].sort((a, b) => a - b);
  for (const workerId of members) setStanding(turn, workerId, { type: "member" });
  const { state, nowMs } = turn;
  const generation = state.generation + 1;
  update(turn, {
    ...{ generation, members, hasBegun: true, assignedThrough: state.step },
    ...{ assigned: new Map(), division: undefined },
    ...{ computed: new Set(), ready: new Map(), accusations: [], peerWaits: new Map() },
    phase: { type: "linking", sinceMs: nowMs, pending: new Set(members) },
  });
  const places = members.map((workerId) => {
    const address = state.workers.get(workerId)?.address;
    const isReachable = state.plan.allReduce === "mesh" && address !== undefined;
    return isReachable ? { workerId, address } : { workerId };
  });
  const message: Form = { type: "form", generation, step: state.step, members: places };
  for (const workerId of members) emit(turn, { type: "send", workerId, message });
  record(turn, { type: "generation", generation, step: state.step, members });
  if (generation > 1) {
    say(
      turn,
      `Generation ${generation}: ${members.length} worker(s) go on with step ${state.step}.`,
    );
  }
}

/** A member is linked to all others. Gives whether all are. */
export function onLinked(turn: Turn, workerId: number, { generation }: Linked): boolean {
  const { phase } = turn.state;
  if (phase.type !== "linking" || generation !== turn.state.generation) return false;
  const pending = new Set(phase.pending);
  pending.delete(workerId);
  update(turn, { phase: { ...phase, pending } });
  return pending.size === 0;
}

/**
 * Takes workers out, with a word to each when `code` is given. The survivors form a new fleet when a
 * member was among them.
 */
export function loseWorkers(
  turn: Turn,
  workerIds: readonly number[],
  reason: string,
  code?: string,
): void {
  const lost = workerIds.filter((workerId) => turn.state.workers.has(workerId));
  for (const workerId of lost) loseWorker(turn, workerId, reason, code);
  const { members } = turn.state;
  if (!lost.some((workerId) => members.includes(workerId))) return;
  const survivors = members.filter((workerId) => !lost.includes(workerId));
  if (survivors.length > 0) formFleet(turn, survivors);
  else loseFleet(turn, code === undefined);
}

function loseWorker(turn: Turn, workerId: number, reason: string, code?: string): void {
  const name = nameOf(turn.state, workerId);
  const { step } = turn.state;
  record(turn, { type: "lost", workerId, step, reason, ...(code === undefined ? {} : { code }) });
  say(turn, `Step ${step}: lost ${name}: ${reason}.`, "warn");
  if (code !== undefined) {
    const message = `Step ${step}: ${name} ${reason}.`;
    emit(turn, { type: "drop", workerId, reject: { type: "reject", code, message } });
  }
  const { workers, leafMs } = turn.state;
  const rest = { workers: withoutEntry(workers, workerId), leafMs: withoutEntry(leafMs, workerId) };
  update(turn, rest);
  returnBatches(turn, workerId);
  dropFromSnapshot(turn, workerId);
  dropFromDigests(turn, workerId);
}

/**
 * No member is left: waits for new workers, or, when their links have ended by themselves, for the same
 * ones to call again with what they hold.
 */
function loseFleet(turn: Turn, mayReturn: boolean): void {
  recordCommits(turn);
  const { step, trainLoss, validationLoss, evaluatedStep, members } = turn.state;
  const journal = { step, trainLoss, validationLoss, evaluatedStep, memberIds: members };
  const isAwaited = mayReturn && turn.state.plan.canReunite && !turn.state.isClosed;
  update(turn, {
    reunion: isAwaited ? { sinceMs: turn.nowMs, journal, held: holdingsOf(turn.state) } : undefined,
    ...{ members: [], evaluation: undefined, digests: undefined, accusations: [] },
    ...{ computed: new Set(), ready: new Map() },
    phase: { type: "gathering", sinceMs: turn.nowMs },
  });
}

/** Without a fleet, goes back to the newest checkpoint, or to the seed. Not while one is written. */
export function rewind(turn: Turn): void {
  const { step, digest } = turn.state.saved;
  const { step: from, evaluatedStep } = turn.state;
  if (from === step) return;
  update(turn, {
    ...{ step, assignedThrough: step, evaluatedStep: Math.min(evaluatedStep, step) },
    agreed: digest === undefined ? undefined : { step, digest },
    skippedInARow: 0,
  });
  emit(turn, { type: "rewind", step, evaluatedStep: Math.min(evaluatedStep, step) });
  record(turn, { type: "rewind", step, from });
  say(turn, `The last worker is lost; the run goes back from step ${from} to ${step}.`, "warn");
}

/** Without a fleet, sends the current step's state to those who are prepared for another. */
export function restoreStragglers(turn: Turn): void {
  const { step } = turn.state;
  for (const [workerId, { standing }] of turn.state.workers) {
    switch (standing.type) {
      case "prepared":
        // Who updates by itself at the moment is sent nothing that would overwrite the parameters.
        if (standing.step === step || standing.replayingSinceMs !== undefined) break;
        setStanding(turn, workerId, { type: "restoring", sinceMs: turn.nowMs, step });
        emit(turn, { type: "send-state", workerId, step });
        break;
      case "restoring":
      case "preparing":
      case "member":
        break;
      default:
        assertNever(standing);
    }
  }
}

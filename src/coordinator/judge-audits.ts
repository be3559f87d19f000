import type { Ready } from "../protocol/messages.ts";
import { type Audit, auditsOf } from "./audits-of.ts";
import { compareReports } from "./compare-reports.ts";
import { formFleet } from "./membership.ts";
import { rangesOf } from "./ranges-of.ts";
import type { AuditReport, RunState, Suspicion } from "./run-state.ts";
import { nameOf, record, say, type Turn, update } from "./turn.ts";

/** The audits of a step that is assigned, or about to be. */
export function auditsAt(state: RunState, step: number): readonly Audit[] {
  const { plan, members, suspicion, workers } = state;
  const isSuspect = suspicion?.step === step;
  const suspects = new Map(
    [...(isSuspect ? suspicion.leaves : [])].map(([leaf, reports]) => [leaf, idsOf(reports)]),
  );
  const processors = new Map(
    members.map((id) => [id, workers.get(id)?.processor ?? `worker ${id}`]),
  );
  const ranges = rangesOf(state, step);
  return auditsOf(plan.audit, { step, members, ranges, processors, suspects });
}

/**
 * Compares what members have found in the audited leaves of the current step, which all hold the sum of.
 *
 * Where they differ, the step is done again, and one more member computes the leaf. More than half of all
 * digests then say who is right, and who said something else is taken out, as after any dispute. Without
 * such a majority the run goes on and warns: nobody knows whose gradient is wrong.
 *
 * @returns whether the step may be committed.
 */
export function passesAudit(turn: Turn, ready: ReadonlyMap<number, Ready>): boolean {
  const { step, suspicion, audited, members } = turn.state;
  const former: Suspicion["leaves"] = suspicion?.step === step ? suspicion.leaves : new Map();
  const found = new Map(
    auditsAt(turn.state, step).map(({ leaf, workerIds }) => {
      const reports = workerIds.map((workerId) => reportOf(ready, workerId, leaf));
      return [leaf, [...(former.get(leaf) ?? []), ...reports]] as const;
    }),
  );
  const differing = new Map([...found].filter(([, reports]) => areDifferent(reports)));
  if (differing.size > 0 && former.size === 0) {
    const mismatches = audited.mismatches + differing.size;
    update(turn, { audited: { ...audited, mismatches } });
    // Two who have differed before without an answer would do every step twice for nothing.
    if (members.length > 2 || audited.unresolved === 0) {
      doAgain(turn, differing);
      return false;
    }
  }
  update(turn, { suspicion: undefined });
  const { oddIds, majority, unresolved } = judge(members, differing);
  if (oddIds.length > 0) {
    const what = `bits in the gradient of leaf ${[...differing.keys()].join(", ")}`;
    update(turn, { dispute: { step, oddIds, majority, what } });
    return false;
  }
  for (const leaf of unresolved) tellUnresolved(turn, leaf, differing.get(leaf) ?? []);
  const leaves = turn.state.audited.leaves + found.size;
  update(turn, { audited: { ...turn.state.audited, leaves } });
  return true;
}

/** Says, once in a generation, which members have nobody to audit them. */
export function warnOfNoAuditor(turn: Turn): void {
  const { plan, members, division, generation, workers } = turn.state;
  if (plan.audit.rate === 0 || division !== undefined) return;
  const kindOf = (id: number) => workers.get(id)?.processor;
  const alone = members.filter((id) => !members.some((o) => o !== id && kindOf(o) === kindOf(id)));
  if (alone.length === 0) return;
  const names = alone.map((id) => nameOf(turn.state, id)).join(", ");
  const text =
    `Generation ${generation} has nobody with the same kind of processor as ${names}, so their leaves ` +
    "are not audited. Start another worker on such a machine for that, or leave out --audit.";
  say(turn, text, "warn");
}

/** A member that tells no digest where it was asked for one differs from everybody. */
function reportOf(ready: ReadonlyMap<number, Ready>, workerId: number, leaf: number): AuditReport {
  const audited = ready.get(workerId)?.audited ?? [];
  const digest = audited.find((one) => one.leaf === leaf)?.digest;
  return { workerId, digest: digest ?? `none of worker ${workerId}` };
}

function areDifferent(reports: readonly AuditReport[]): boolean {
  return reports.some(({ digest }) => digest !== reports[0]?.digest);
}

function idsOf(reports: readonly AuditReport[]): readonly number[] {
  return [...new Set(reports.map(({ workerId }) => workerId))];
}

/** The first time that members differ in a step. */
function doAgain(turn: Turn, differing: ReadonlyMap<number, readonly AuditReport[]>): void {
  const { step, members } = turn.state;
  for (const [leaf, reports] of differing) {
    record(turn, { type: "audit", outcome: "differ", step, leaf, reports });
    const who = namesOf(turn.state, reports);
    const text = `${who} have computed leaf ${leaf} differently; the step is done again to find out who errs`;
    say(turn, `Step ${step}: ${text}.`, "warn");
  }
  update(turn, { suspicion: { step, leaves: differing } });
  formFleet(turn, members);
}

/**
 * Members whose digests, of all attempts, are not always those of the majority, and the leaves that have
 * no majority. Who has left meanwhile needs no taking out.
 */
function judge(members: readonly number[], differing: ReadonlyMap<number, readonly AuditReport[]>) {
  const odd = new Set<number>();
  const majorities: string[] = [];
  const unresolved: number[] = [];
  for (const [leaf, reports] of differing) {
    const votes = new Map(reports.map(({ digest }, i) => [i, digest]));
    const { oddIds, majority } = compareReports(votes);
    if (majority === undefined) {
      unresolved.push(leaf);
      continue;
    }
    majorities.push(majority);
    for (const i of oddIds) odd.add(reports[i]?.workerId ?? -1);
  }
  const oddIds = members.filter((id) => odd.has(id));
  return { oddIds, majority: majorities.join(", "), unresolved };
}

function tellUnresolved(turn: Turn, leaf: number, reports: readonly AuditReport[]): void {
  const { step, audited } = turn.state;
  record(turn, { type: "audit", outcome: "unresolved", step, leaf, reports });
  const unresolved = audited.unresolved + 1;
  update(turn, { audited: { ...audited, unresolved } });
  // The first, the second, the fourth, ...: it may be every leaf.
  if ((unresolved & (unresolved - 1)) !== 0) return;
  const count = unresolved === 1 ? "" : ` (the ${unresolved}th leaf without an answer)`;
  say(
    turn,
    `Step ${step}: ${namesOf(turn.state, reports)} compute leaf ${leaf} differently, and no majority says ` +
      `who is right${count}. The run goes on, perhaps with a wrong gradient. Run smallinit doctor on ` +
      "their hosts, add another worker, or continue from a checkpoint without the one that errs.",
    "warn",
  );
}

function namesOf(state: RunState, reports: readonly AuditReport[]): string {
  return idsOf(reports)
    .map((workerId) => nameOf(state, workerId))
    .join(" and ");
}

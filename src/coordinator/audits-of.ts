import { hash32 } from "../base/random.ts";
import { MAX_AUDITED_LEAVES } from "../protocol/limits.ts";
import type { LeafRange } from "../protocol/messages.ts";

/** A leaf that more than one member computes, to compare. */
export interface Audit {
  readonly leaf: number;
  /** Whose leaf it is, then who computes it as well. */
  readonly workerIds: readonly number[];
}

/** Which leaves are audited, as far as chance decides. */
export interface AuditPlan {
  /** The part of all leaves, 0 to 1. */
  readonly rate: number;
  readonly seed: number;
}

/** A step with the members that compute it. */
export interface AuditedStep {
  readonly step: number;
  readonly members: readonly number[];
  /** In the order of `members`. */
  readonly ranges: readonly LeafRange[];
  /**
   * The kind of processor of each: another kind may round otherwise, and honest workers would differ.
   * Missing ones are a kind of their own.
   */
  readonly processors: ReadonlyMap<number, string>;
  /** Leaves on which members have differed, with those who have. */
  readonly suspects: ReadonlyMap<number, readonly number[]>;
}

/** Start values of the two hashes: which leaves, and by whom. */
const LEAF_HASH = 0x61756469;
const AUDITOR_HASH = 0x74000001;

/**
 * The audits of a step: a pure function of seed, step and leaf, and of who is a member. A leaf that is
 * suspect is computed by all who have differed on it, and by one more that has not, if there is one.
 *
 * Only members with one kind of processor compute a leaf twice: none is audited whose owner is the only
 * one of its kind. At most 1024, the first by chance.
 */
export function auditsOf({ rate, seed }: AuditPlan, at: AuditedStep): readonly Audit[] {
  const { step, members, ranges, suspects, processors } = at;
  if (members.length < 2 || rate <= 0) return [];
  return members
    .flatMap((ownerId, i) => leavesOf(ranges[i]).map((leaf) => ({ leaf, ownerId })))
    .filter(({ leaf }) => {
      return suspects.has(leaf) || hash32(LEAF_HASH, [seed, step, leaf]) < rate * 2 ** 32;
    })
    .slice(0, MAX_AUDITED_LEAVES)
    .flatMap(({ leaf, ownerId }) => {
      const alike = members.filter((id) => processors.get(id) === processors.get(ownerId));
      const known = (suspects.get(leaf) ?? []).filter((id) => alike.includes(id));
      const given = new Set([ownerId, ...known]);
      const others = alike.filter((id) => !given.has(id));
      const another = others[hash32(AUDITOR_HASH, [seed, step, leaf]) % others.length];
      const workerIds = [...given, ...(another === undefined ? [] : [another])];
      return workerIds.length < 2 ? [] : [{ leaf, workerIds }];
    });
}

/** The leaves of which a member tells a digest, ascending: its own, and those of others. */
export function auditedBy(audits: readonly Audit[], workerId: number): readonly number[] {
  return audits
    .filter(({ workerIds }) => workerIds.includes(workerId))
    .map(({ leaf }) => leaf)
    .sort((a, b) => a - b);
}

function leavesOf(range: LeafRange | undefined): readonly number[] {
  const { lo, hi } = range ?? { lo: 0, hi: 0 };
  return Array.from({ length: hi - lo }, (_, i) => lo + i);
}

import { assert, defined } from "../base/assert.ts";
import type { LeafRange } from "../protocol/messages.ts";
import { coveringNodes } from "./reduction-tree.ts";

/** How much longer than the best the slowest may take where that saves partials on the wire. */
const SLACK = 1.05;

/** Nobody takes less for a leaf, whatever a clock says. */
const LEAST_MS = 1e-3;

/** How far a border between two workers is moved to save partials, in leaves. */
const REACH = 8;

/**
 * Divides a step's leaves among workers of different speed: contiguous ranges in the workers' order,
 * together [0, numLeaves), so that the slowest is done within 5 % of the earliest possible. Everybody gets
 * a leaf at least: who gets none is not measured any more, and would never get one again.
 *
 * Among such divisions one of few nodes of the reduction tree is taken, since each node is one vector on
 * the wire: borders are moved by up to 8 leaves for that. The sum's bits never depend on this choice.
 *
 * @param msPerLeaf what each worker takes for a leaf; no more workers than leaves.
 */
export function balanceLeaves(
  numLeaves: number,
  msPerLeaf: readonly number[],
): readonly LeafRange[] {
  const paces = msPerLeaf.map((ms) => Math.max(ms, LEAST_MS));
  const limitMs = SLACK * leastMs(numLeaves, paces);
  const most = paces.map((ms) => mostWithin(limitMs, ms, numLeaves));
  return fewestNodes(numLeaves, most, sizesWithin(numLeaves, most, paces));
}

/** What the slowest worker takes, ms, when all compute these ranges. */
export function slowestMs(ranges: readonly LeafRange[], msPerLeaf: readonly number[]): number {
  return Math.max(...ranges.map(({ lo, hi }, i) => (hi - lo) * defined(msPerLeaf[i], "a pace")));
}

/**
 * The least time in which all leaves can be computed; a worker that takes longer for the one that it gets
 * anyway is not counted. Cheap, unlike the division itself: to ask first whether that is worth while.
 */
export function leastMs(numLeaves: number, msPerLeaf: readonly number[]): number {
  const numWorkers = msPerLeaf.length;
  assert(numWorkers >= 1 && numWorkers <= numLeaves, `${numLeaves} leaves for ${numWorkers}`);
  const paces = msPerLeaf.map((ms) => Math.max(ms, LEAST_MS));
  const numWithin = (ms: number) =>
    paces.reduce((sum, pace) => sum + mostWithin(ms, pace, numLeaves), 0);
  let tooLittle = 0;
  let enough = numLeaves * Math.min(...paces);
  // Past the precision of f64 nothing changes any more.
  for (let i = 0; i < 64; i++) {
    const middle = (tooLittle + enough) / 2;
    if (numWithin(middle) >= numLeaves) enough = middle;
    else tooLittle = middle;
  }
  return enough;
}

function mostWithin(ms: number, pace: number, numLeaves: number): number {
  return Math.min(numLeaves, Math.max(1, Math.floor(ms / pace + 1e-9)));
}

/** Numbers of leaves that fit: from the most for each, those are taken away that take longest. */
function sizesWithin(
  numLeaves: number,
  most: readonly number[],
  paces: readonly number[],
): readonly number[] {
  const sizes = [...most];
  for (let extra = sizes.reduce((sum, size) => sum + size, 0) - numLeaves; extra > 0; extra--) {
    let slowest = -1;
    let longestMs = 0;
    sizes.forEach((size, i) => {
      const ms = size * defined(paces[i], "a pace");
      if (size === 1 || ms <= longestMs) return;
      [slowest, longestMs] = [i, ms];
    });
    sizes[slowest] = defined(sizes[slowest], "a size") - 1;
  }
  return sizes;
}

/** A way to divide the leaves before a border. */
interface Way {
  readonly numNodes: number;
  readonly border: number;
  readonly before: Way | undefined;
}

/** Moves the borders that `sizes` gives to where the ranges need fewest nodes; nearest first. */
function fewestNodes(
  numLeaves: number,
  most: readonly number[],
  sizes: readonly number[],
): readonly LeafRange[] {
  let ways: readonly Way[] = [{ numNodes: 0, border: 0, before: undefined }];
  let middle = 0;
  sizes.forEach((size, i) => {
    middle += size;
    const borders = i === sizes.length - 1 ? [numLeaves] : bordersNear(middle, numLeaves);
    const mostHere = defined(most[i], "a limit");
    ways = borders.flatMap((border) => bestWayTo(border, ways, mostHere, numLeaves) ?? []);
  });
  const ranges: LeafRange[] = [];
  for (let way = ways[0]; way?.before !== undefined; way = way.before) {
    ranges.unshift({ lo: way.before.border, hi: way.border });
  }
  return ranges;
}

function bordersNear(middle: number, numLeaves: number): readonly number[] {
  const shifts = Array.from({ length: REACH }, (_, i) => [i + 1, -i - 1]).flat();
  return [0, ...shifts].map((shift) => middle + shift).filter((at) => at > 0 && at < numLeaves);
}

function bestWayTo(
  border: number,
  ways: readonly Way[],
  most: number,
  numLeaves: number,
): Way | undefined {
  let best: Way | undefined;
  for (const before of ways) {
    const size = border - before.border;
    if (size < 1 || size > most) continue;
    const range = { lo: before.border, hi: border };
    const numNodes = before.numNodes + coveringNodes(range, numLeaves).length;
    if (best === undefined || numNodes < best.numNodes) best = { numNodes, border, before };
  }
  return best;
}

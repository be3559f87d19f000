import { defined } from "../base/assert.ts";
import type { Profiler } from "../base/profiler.ts";
import type { LeafFold, Partial } from "../collective/leaf-fold.ts";
import type { Assign, AuditedLeaf, LeafRange, Ready } from "../protocol/messages.ts";
import { LeafAudit } from "./leaf-audit.ts";
import type { ToCommunication } from "./thread-messages.ts";
import { areFinite, type Trainer } from "./trainer.ts";

/** What a step is computed with. */
export interface StepWorkOptions {
  readonly assign: Assign;
  /** This member's leaves of it. */
  readonly range: LeafRange;
  /** The attempt before this one at the same step, when what it has computed counts. */
  readonly former: StepWork | undefined;
  readonly trainer: Trainer;
  readonly profiler: Profiler;
  /**
   * Whether a new generation has been heard: what was under way is told to nobody, though another attempt may
   * keep it.
   */
  isVoid(): boolean;
  /** To the communication thread. */
  tell(message: ToCommunication): void;
}

/** What an attempt leaves to the next. */
interface Kept {
  readonly partials: readonly Partial[];
  readonly audited: readonly AuditedLeaf[];
  /** What was spent on these leaves. */
  readonly computeMs: number;
}

const NOTHING: Kept = { partials: [], audited: [], computeMs: 0 };

/** One try at one step: a member's leaves, those it audits, and its report. */
export class StepWork {
  readonly #options: Omit<StepWorkOptions, "former">;
  readonly #fold: LeafFold;
  readonly #audit: LeafAudit;
  #computeMs: number;
  #computedAtMs = 0;
  /** Whether the fold's buffers have been used for something else. */
  #isOverwritten: boolean = false;

  constructor({ former, ...options }: StepWorkOptions) {
    const { assign, range, trainer } = options;
    this.#options = options;
    const { partials, audited, computeMs } = former?.keptFor(assign, range) ?? NOTHING;
    this.#computeMs = computeMs;
    this.#fold = trainer.beginFold(range, partials);
    this.#audit = new LeafAudit(assign, range, audited);
  }

  /**
   * The sums of nodes within `range` that another attempt need not compute, and what was found in the audited
   * leaves of these when they were computed: that is what others are compared with. A node with a leaf that is
   * audited now and was not then is not kept.
   */
  keptFor({ audit = [] }: Assign, range: LeafRange): Kept {
    if (this.#isOverwritten) return NOTHING;
    const { held } = this.#fold;
    const { found } = this.#audit;
    const unknown = audit.filter((leaf) => !found.some((one) => one.leaf === leaf));
    const partials = held.filter(({ node }) => {
      const isWithin = range.lo <= node.lo && node.hi <= range.hi;
      return isWithin && !unknown.some((leaf) => isLeafOf(node, leaf));
    });
    const isKept = (leaf: number) => partials.some(({ node }) => isLeafOf(node, leaf));
    const part = numLeavesOf(partials) / Math.max(1, numLeavesOf(held));
    const computeMs = this.#computeMs * part;
    return { partials, audited: found.filter(({ leaf }) => isKept(leaf)), computeMs };
  }

  /** Takes in what is kept of a former attempt: once, before the first leaf. */
  takeKept(): void {
    this.#tellPartials(this.#fold.takeKept());
  }

  /** Whether a leaf of its own is left; none at once with more workers than leaves. */
  get hasLeaf(): boolean {
    return this.#fold.nextLeaf !== undefined;
  }

  /** Tells that the leaves are done. */
  endLeaves(): void {
    const { generation, step } = this.#options.assign;
    this.#computedAtMs = performance.now();
    this.#options.tell({ type: "send", message: { type: "computed", generation, step } });
  }

  /** Computes the next leaf, and tells the node that it completes. */
  async leaf(): Promise<void> {
    const { assign, range, trainer, profiler } = this.#options;
    const { tokens } = assign;
    const leaf = defined(this.#fold.nextLeaf, "the next leaf");
    const startMs = performance.now();
    const leafStartMs = profiler.now();
    await trainer.leaf(tokens, leaf - range.lo, this.#fold.nextBuffer());
    profiler.end("leaf", leafStartMs, leaf);
    this.#computeMs += performance.now() - startMs;
    // Before its buffer becomes a node's.
    this.#audit.note(leaf, this.#fold.nextBuffer());
    const foldStartMs = profiler.now();
    this.#tellPartials(this.#fold.endLeaf());
    profiler.end("tree fold", foldStartMs, leaf);
  }

  #tellPartials(partials: readonly Partial[]): void {
    const { assign, isVoid, tell } = this.#options;
    const { generation, step } = assign;
    if (isVoid()) return;
    for (const { node, vector } of partials) {
      const { byteOffset } = vector;
      tell({ type: "partial", generation, step, node, byteOffset });
    }
  }

  /** Computes a leaf of others: its digest is reported, its gradient is part of no sum. */
  async auditLeaf(): Promise<void> {
    const { assign, trainer, profiler } = this.#options;
    const { leaf, leafIndex } = defined(this.#audit.takeNext(), "a leaf to audit");
    const startMs = profiler.now();
    const vector = await trainer.auditLeaf(assign.tokens, leafIndex);
    if (this.#options.isVoid()) return;
    this.#audit.note(leaf, vector);
    profiler.end("audit", startMs, leaf);
  }

  /** Says what the sum is; where it is not finite, whose leaf is to blame. */
  async report(): Promise<void> {
    const { assign, trainer, tell } = this.#options;
    const { generation, step } = assign;
    const exchangeMs = performance.now() - this.#computedAtMs;
    const sums = trainer.sums();
    const badLeaf = areFinite(sums) ? undefined : await this.#findBadLeaf();
    if (this.#options.isVoid()) return;
    const audited = this.#audit.found;
    const message: Ready = {
      ...{ type: "ready", generation, step, ...sums, computeMs: this.#computeMs, exchangeMs },
      ...(badLeaf === undefined ? {} : { badLeaf }),
      ...(audited.length === 0 ? {} : { audited }),
    };
    tell({ type: "send", message });
  }

  /** Computes this worker's leaves once more, to name one: a sum tells nothing of its terms. */
  async #findBadLeaf(): Promise<number | undefined> {
    const { assign, range, trainer } = this.#options;
    this.#isOverwritten = true;
    for (let leaf = range.lo; leaf < range.hi; leaf++) {
      if (!(await trainer.isLeafFinite(assign.tokens, leaf - range.lo))) return leaf;
    }
    return undefined;
  }
}

function numLeavesOf(partials: readonly Partial[]): number {
  return partials.reduce((sum, { node }) => sum + node.hi - node.lo, 0);
}

function isLeafOf({ lo, hi }: LeafRange, leaf: number): boolean {
  return lo <= leaf && leaf < hi;
}

import { defined } from "../base/assert.ts";
import { othersOf } from "../collective/others-of.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { ValidationBatches } from "../data/validation-batches.ts";
import type { Link } from "../protocol/link.ts";
import { stateFrames } from "../protocol/state-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { auditedBy } from "./audits-of.ts";
import type { RunEffect } from "./run-effects.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { asBytes, type TokenFeed } from "./token-feed.ts";

/** What workers are supplied from. */
export interface SupplyOptions {
  readonly configuration: Configuration;
  readonly meshSecret: string;
  readonly runId: string;
  readonly feed: TokenFeed;
  readonly batches: ValidationBatches;
  readonly store: SnapshotStore;
  linkOf(workerId: number): Link | undefined;
  /** The newest generation: what is read for a former one is not sent. */
  generation(): number;
}

/** Brings to workers what is too large or too secret for the machine: tokens, batches, state. */
export class WorkerSupply {
  readonly #options: SupplyOptions;

  constructor(options: SupplyOptions) {
    this.#options = options;
  }

  /** Answers a `hello`. */
  welcome({ type, ...welcome }: Extract<RunEffect, { readonly type: "welcome" }>): void {
    const { configuration, meshSecret, runId, linkOf } = this.#options;
    linkOf(welcome.workerId)?.send({ type, ...welcome, configuration, meshSecret, runId });
  }

  /** Sends each member its leaves of a step, and those of others that it audits. @throws {TrainerError} ERR_DATA_DAMAGED. */
  async assign(effect: Extract<RunEffect, { readonly type: "assign" }>): Promise<void> {
    const { feed, linkOf } = this.#options;
    const { generation, step, members, ranges, audits, keep } = effect;
    const tokens = await feed.leaves(step, ranges);
    const audited = await feed.leaves(
      step,
      audits.map(({ leaf }) => ({ lo: leaf, hi: leaf + 1 })),
    );
    if (generation !== this.#options.generation()) return;
    members.forEach((workerId, i) => {
      const range = defined(ranges[i], "a member's leaves");
      const audit = auditedBy(audits, workerId);
      const ofOthers = othersOf(audit, range).map(({ leaf }) => {
        const index = audits.findIndex((one) => one.leaf === leaf);
        return defined(audited[index], "an audited leaf's tokens");
      });
      const own = defined(tokens[i], "a member's tokens");
      const all = ofOthers.length === 0 ? own : Buffer.concat([own, ...ofOthers]);
      linkOf(workerId)?.send({
        ...{ type: "assign", generation, step, ranges, tokens: all },
        ...(audit.length === 0 ? {} : { audit }),
        ...(keep ? { keep } : {}),
      });
    });
  }

  /** Sends a validation batch. @throws {TrainerError} ERR_DATA_DAMAGED. */
  async evaluate(effect: Extract<RunEffect, { readonly type: "evaluate" }>): Promise<void> {
    const { batches, configuration, linkOf } = this.#options;
    const { workerId, evaluationId, batchIndex } = effect;
    const { numSequences, tokens } = await batches.read(batchIndex);
    linkOf(workerId)?.send({
      ...{ type: "evaluate", evaluationId, batchIndex, numSequences },
      ...{ length: configuration.contextLength, tokens: asBytes(tokens) },
    });
  }

  /** Sends the state after `step` updates. @throws {TrainerError} those of checkpoints. */
  async sendState(workerId: number, step: number): Promise<void> {
    if (step === 0) {
      this.#options.linkOf(workerId)?.send({ type: "initialise" });
      return;
    }
    await this.#options.store.lend(step, (state) => this.send(workerId, stateFrames(step, state)));
  }

  /** Sends frames, one after another, as long as the worker has a link. */
  async send(workerId: number, frames: Iterable<TensorFrame>): Promise<void> {
    for (const frame of frames) {
      const link = this.#options.linkOf(workerId);
      if (link === undefined) return;
      await link.sendTensor(frame);
    }
  }
}

import { assert } from "../../src/base/assert.ts";
import type { Moment } from "../../src/protocol/messages.ts";
import type { SimulatedFrame, SimulatedMesh } from "./simulated-mesh.ts";
import type { PeerLink } from "./simulated-peer-links.ts";

/** A worker's part in the exchanges of steps, in a mesh or in a star. */
export interface StepExchange {
  begin(moment: Moment, memberIds: readonly number[]): void;
  /** The worker's leaves are done. */
  contribute(): void;
  /** All of what its own chunk needs is here. */
  readonly canSum: boolean;
  /** Its own chunk is done. */
  sum(): void;
  /** The sum of all chunks is here. */
  readonly isWhole: boolean;
  /** Whom the open exchange waits for. */
  missingAt(moment: Moment): readonly number[];
  /** The open exchange's generation is over. */
  abort(): void;
  /** Nothing of former generations counts: another coordinator may give their numbers again. */
  beginAgain(): void;
}

/** Whose frames of a moment are here. */
interface Arrived {
  readonly moment: Moment;
  readonly partials: Set<number>;
  readonly sums: Set<number>;
}

/** An exchange that has begun, with the links of that time. */
interface Open {
  readonly arrived: Arrived;
  readonly memberIds: readonly number[];
  readonly links: ReadonlyMap<number, PeerLink>;
  hasContributed: boolean;
  hasSentSum: boolean;
}

/**
 * A worker's part in the exchanges of a mesh. Everybody owns a chunk: it needs the partials of all others, and the
 * sums of theirs. Whatever it sends gets through where the link lives, and else is lost.
 */
export class SimulatedExchange implements StepExchange {
  readonly #mesh: SimulatedMesh;
  #arrived: Arrived[] = [];
  #open: Open | undefined;

  constructor(mesh: SimulatedMesh) {
    this.#mesh = mesh;
  }

  /** Nothing is opened where a link is missing: the coordinator forms another generation. */
  begin(moment: Moment, memberIds: readonly number[]): void {
    this.#arrived = this.#arrived.filter((one) => !isBefore(one.moment, moment));
    const links = new Map(this.#mesh.links);
    if (memberIds.some((id) => id !== this.#mesh.id && !links.has(id))) return;
    const arrived = this.#at(moment);
    this.#open = { arrived, memberIds, links, hasContributed: false, hasSentSum: false };
  }

  /** Its partials go to all others. */
  contribute(): void {
    const open = this.#open;
    if (open === undefined || open.hasContributed) return;
    open.hasContributed = true;
    this.#sendAll(open, "partials");
  }

  get canSum(): boolean {
    const open = this.#open;
    if (open === undefined || !open.hasContributed || open.hasSentSum) return false;
    return this.#missing(open, open.arrived.partials).length === 0;
  }

  /** Its chunk goes to all others. */
  sum(): void {
    if (this.#open === undefined) return;
    this.#open.hasSentSum = true;
    this.#sendAll(this.#open, "sum");
  }

  get isWhole(): boolean {
    const open = this.#open;
    return open?.hasSentSum === true && this.#missing(open, open.arrived.sums).length === 0;
  }

  /** Whose partials the open exchange misses; with all partials, whose sums. */
  missingAt({ generation, step }: Moment): readonly number[] {
    const open = this.#open;
    if (open === undefined) return [];
    const { moment, partials, sums } = open.arrived;
    if (moment.generation !== generation || moment.step !== step) return [];
    const missing = this.#missing(open, partials);
    return missing.length > 0 ? missing : this.#missing(open, sums);
  }

  /** A peer's frame: late ones are refused. */
  receive(peerId: number, { kind, ...moment }: SimulatedFrame): void {
    if (this.#open !== undefined && isBefore(moment, this.#open.arrived.moment)) return;
    const { partials, sums } = this.#at(moment);
    const arrived = kind === "partials" ? partials : sums;
    assert(!arrived.has(peerId), `worker ${peerId} sent its ${kind} twice`);
    arrived.add(peerId);
  }

  /** What a peer has sent ahead is void: its link has ended. */
  forget(peerId: number): void {
    for (const one of this.#arrived) {
      if (one === this.#open?.arrived) continue;
      one.partials.delete(peerId);
      one.sums.delete(peerId);
    }
  }

  abort(): void {
    this.#open = undefined;
  }

  beginAgain(): void {
    this.#open = undefined;
    this.#arrived = [];
  }

  #at(moment: Moment): Arrived {
    const { generation, step } = moment;
    const known = this.#arrived.find(
      (one) => one.moment.generation === generation && one.moment.step === step,
    );
    if (known !== undefined) return known;
    const arrived: Arrived = { moment, partials: new Set(), sums: new Set() };
    this.#arrived.push(arrived);
    return arrived;
  }

  #missing({ memberIds }: Open, arrived: ReadonlySet<number>): readonly number[] {
    return memberIds.filter((id) => id !== this.#mesh.id && !arrived.has(id));
  }

  #sendAll({ arrived, memberIds, links }: Open, kind: SimulatedFrame["kind"]): void {
    for (const [peerId, link] of links) {
      if (memberIds.includes(peerId)) this.#mesh.send(link, { kind, ...arrived.moment });
    }
  }
}

function isBefore(one: Moment, other: Moment): boolean {
  if (one.generation !== other.generation) return one.generation < other.generation;
  return one.step < other.step;
}

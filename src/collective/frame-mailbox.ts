import { defined } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { MAX_WORKERS } from "../protocol/limits.ts";
import type { Moment } from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { payloadBytesOf } from "../protocol/unread-payload.ts";
import type { Exchange } from "./exchange.ts";

/** A frame on its way to an exchange. */
interface Letter {
  readonly fromId: number;
  readonly frame: TensorFrame;
}

/** What a mailbox depends on. */
export interface FrameMailboxOptions {
  /** What one peer may send ahead: see `mailboxBytesPerPeer`. */
  readonly bytesPerPeerMax: number;
  /** A frame that waited was wrong. */
  onViolation(fromId: number, error: TrainerError): void;
  /** Calls `action` later, once what has come meanwhile was heard. */
  defer(action: () => void): void;
}

/** What is handed over in one turn, unless a single frame has more: a millisecond, or ten into fresh memory. */
const TURN_BYTES = 4 * 2 ** 20;

/**
 * Brings each peer's frames to the exchange of their moment.
 *
 * A peer may be ahead: it heard of a commit or a new generation first. Its frames wait here until the
 * exchange of their moment is opened, up to a number of bytes per peer. Then they are handed over a few
 * a turn: where a peer is a whole exchange ahead, and the model large, all at once took 0.8 s, in which no heartbeat
 * was answered. Frames of a past moment are dropped and counted.
 */
export class FrameMailbox {
  readonly #options: FrameMailboxOptions;
  #letters: Letter[] = [];
  #exchange: Exchange | undefined;
  #isHandingOver: boolean = false;
  #numRefused = 0;

  constructor(options: FrameMailboxOptions) {
    this.#options = options;
  }

  /** Frames that came too late for their generation or step, since this was last asked. */
  takeNumRefused(): number {
    const numRefused = this.#numRefused;
    this.#numRefused = 0;
    return numRefused;
  }

  /** Makes `exchange` the present one and hands it what has come for it. */
  open(exchange: Exchange): void {
    this.#exchange = exchange;
    if (!this.#isHandingOver) this.#handOver();
  }

  /**
   * Takes a partial or sum frame from a peer, for now or for later.
   *
   * @throws {TrainerError} ERR_PEER_FRAME when the peer's frame has no place in the exchange, or the
   *   peer has sent more ahead than it may.
   */
  receive(fromId: number, frame: TensorFrame): void {
    // Behind those that are being handed over: in the order in which they came.
    if (this.#isHandingOver || this.#isAhead(frame)) this.#keep({ fromId, frame });
    else this.#deliver({ fromId, frame });
  }

  /** Forgets what a peer sent ahead: its link has closed. */
  forget(peerId: number): void {
    this.#letters = this.#letters.filter(({ fromId }) => fromId !== peerId);
  }

  /** Hands over some of the letters whose moment has come, and the others in later turns. */
  #handOver(): void {
    this.#isHandingOver = false;
    for (let numBytes = 0; numBytes < TURN_BYTES; ) {
      const index = this.#letters.findIndex(({ frame }) => !this.#isAhead(frame));
      const [letter] = index === -1 ? [] : this.#letters.splice(index, 1);
      if (letter === undefined) return;
      numBytes += costOf(letter);
      try {
        this.#deliver(letter);
      } catch (error) {
        if (!(error instanceof TrainerError)) throw error;
        this.#options.onViolation(letter.fromId, error);
      }
    }
    this.#isHandingOver = true;
    this.#options.defer(() => this.#handOver());
  }

  #isAhead(frame: TensorFrame): boolean {
    return this.#exchange === undefined || compareMoments(frame, this.#exchange.plan) > 0;
  }

  /** To the present exchange, unless it comes too late for it. */
  #deliver({ fromId, frame }: Letter): void {
    const exchange = defined(this.#exchange, "the present exchange");
    if (exchange.isAborted || compareMoments(frame, exchange.plan) < 0) this.#numRefused++;
    else exchange.receive(fromId, frame);
  }

  #keep(letter: Letter): void {
    let bytes = costOf(letter);
    for (const each of this.#letters) if (each.fromId === letter.fromId) bytes += costOf(each);
    const { bytesPerPeerMax } = this.#options;
    if (bytes > bytesPerPeerMax) {
      throw new TrainerError(
        "ERR_PEER_FRAME",
        `Participant ${letter.fromId} sent ${bytes} bytes ahead of generation ` +
          `${letter.frame.generation}, step ${letter.frame.step}; ${bytesPerPeerMax} are ` +
          "allowed. Its link is closed; check that all run one version.",
      );
    }
    this.#letters.push(letter);
  }
}

/** What an honest peer can send ahead of one exchange: its partials and its finished chunks. */
export function mailboxBytesPerPeer(vectorLength: number, numLeaves: number): number {
  const numNodesMax = 2 * (32 - Math.clz32(numLeaves));
  return (numNodesMax + 1) * (4 * vectorLength + LETTER_BYTES_MIN * MAX_WORKERS);
}

/** A frame takes memory even when it carries a single float. */
const LETTER_BYTES_MIN = 1024;

function costOf({ frame }: Letter): number {
  return Math.max(payloadBytesOf(frame), LETTER_BYTES_MIN);
}

/** Negative when `a` is before `b`, 0 when they are the same, positive when it is after. */
export function compareMoments(a: Moment, b: Moment): number {
  return a.generation === b.generation ? a.step - b.step : a.generation - b.generation;
}

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

/**
 * Brings each peer's frames to the exchange of their moment.
 *
 * A peer may be ahead: it heard of a commit or a new generation first. Its frames wait here until the
 * exchange of their moment is opened, up to a number of bytes per peer. Frames of a past moment are
 * dropped and counted.
 */
export class FrameMailbox {
  readonly #bytesPerPeerMax: number;
  #letters: Letter[] = [];
  #exchange: Exchange | undefined;
  #numRefused = 0;

  /** @param options.bytesPerPeerMax what one peer may send ahead: see `mailboxBytesPerPeer`. */
  constructor(options: { readonly bytesPerPeerMax: number }) {
    this.#bytesPerPeerMax = options.bytesPerPeerMax;
  }

  /** Frames that came too late for their generation or step, since this was last asked. */
  takeNumRefused(): number {
    const numRefused = this.#numRefused;
    this.#numRefused = 0;
    return numRefused;
  }

  /**
   * Makes `exchange` the present one and hands it what has come for it.
   *
   * @returns what was wrong with frames that waited, by the peer that sent them.
   */
  open(exchange: Exchange): readonly { readonly fromId: number; readonly error: TrainerError }[] {
    this.#exchange = exchange;
    const letters = this.#letters;
    this.#letters = [];
    return letters.flatMap(({ fromId, frame }) => {
      try {
        this.receive(fromId, frame);
        return [];
      } catch (error) {
        if (!(error instanceof TrainerError)) throw error;
        return [{ fromId, error }];
      }
    });
  }

  /**
   * Takes a partial or sum frame from a peer, for now or for later.
   *
   * @throws {TrainerError} ERR_PEER_FRAME when the peer's frame has no place in the exchange, or the
   *   peer has sent more ahead than it may.
   */
  receive(fromId: number, frame: TensorFrame): void {
    const order = this.#exchange === undefined ? 1 : compareMoments(frame, this.#exchange.plan);
    if (order < 0 || (order === 0 && this.#exchange?.isAborted === true)) this.#numRefused++;
    else if (order === 0) this.#exchange?.receive(fromId, frame);
    else this.#keep({ fromId, frame });
  }

  /** Forgets what a peer sent ahead: its link has closed. */
  forget(peerId: number): void {
    this.#letters = this.#letters.filter(({ fromId }) => fromId !== peerId);
  }

  #keep(letter: Letter): void {
    let bytes = costOf(letter);
    for (const each of this.#letters) if (each.fromId === letter.fromId) bytes += costOf(each);
    if (bytes > this.#bytesPerPeerMax) {
      throw new TrainerError(
        "ERR_PEER_FRAME",
        `Participant ${letter.fromId} sent ${bytes} bytes ahead of generation ` +
          `${letter.frame.generation}, step ${letter.frame.step}; ${this.#bytesPerPeerMax} are ` +
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

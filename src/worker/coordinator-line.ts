import type { Clock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Link } from "../protocol/link.ts";
import type { Held, Message } from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** What a line to the coordinator is made of. */
export interface CoordinatorLineOptions {
  /** An open link, on which `hello` has been sent. */
  readonly first: Link;
  /**
   * Gets another link, on which `hello` has been sent with what is held; undefined when it is over
   * meanwhile. Without it a lost coordinator is the end.
   */
  reconnect?(held: Held | undefined, isOver: () => boolean): Promise<Link | undefined>;
  readonly clock: Clock;
  /** To people. */
  say?(text: string): void;
  onMessage(message: Message): void;
  onTensor(frame: TensorFrame): void;
  /** The link has ended; `reconnect` with what is held. */
  onLost(): void;
  /** No other link will come. */
  onFailed(error: unknown): void;
}

/**
 * How long a coordinator that took our call, and whose link lives, may take to say a first word. It answers
 * `hello` at once; a minute is what other short waits of a run have.
 */
const WELCOME_MS = 60_000;

/** The link to the coordinator, and the next one when it is lost. */
export class CoordinatorLine {
  readonly #options: CoordinatorLineOptions;
  #link: Link;
  #isLost: boolean = false;
  #isClosed: boolean = false;

  constructor(options: CoordinatorLineOptions) {
    this.#options = options;
    this.#link = options.first;
  }

  /** Begins to listen: what has come already is heard at once. */
  open(): void {
    this.#listen(this.#link);
  }

  /** Of now: not to be kept. */
  get link(): Link {
    return this.#link;
  }

  /** Whether `link` has ended, and another is not there yet. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Calls the coordinator again, in the background. */
  reconnect(held: Held | undefined): void {
    const isOver = () => this.#isClosed;
    this.#options.reconnect?.(held, isOver).then(
      (link) => {
        if (link !== undefined) this.#take(link);
      },
      (error: unknown) => this.#options.onFailed(error),
    );
  }

  /** For good. */
  close(reason: string): void {
    this.#isClosed = true;
    this.#link.close(reason);
  }

  #take(link: Link): void {
    if (this.#isClosed) {
      link.close("this worker ends");
      return;
    }
    this.#link = link;
    this.#isLost = false;
    this.#listen(link);
  }

  #listen(link: Link): void {
    const { onMessage, onTensor, clock } = this.#options;
    const cancel = clock.after(WELCOME_MS, () => this.#giveUp(link.label));
    link.listen({
      onMessage: (message) => {
        cancel();
        onMessage(message);
      },
      onTensor,
      onClose: (reason) => {
        cancel();
        this.#onClose(link.label, reason);
      },
    });
  }

  /** Calling again would not mend it: the one who answers there is alive and does not do its part. */
  #giveUp(label: string): void {
    if (this.#isClosed) return;
    const message =
      `The coordinator at ${label} took the call, and has not said welcome within ` +
      `${WELCOME_MS / 1000} s, though its link lives. Look at its log, and start this worker again.`;
    this.#options.onFailed(new TrainerError("ERR_DEADLINE", message));
  }

  #onClose(label: string, reason: string): void {
    if (this.#isClosed) return;
    if (this.#options.reconnect === undefined) {
      const message =
        `The link to the coordinator at ${label} has ended: ${reason}. Look at its log; start this ` +
        "worker again when it runs.";
      this.#options.onFailed(new TrainerError("ERR_COORDINATOR_LOST", message));
      return;
    }
    this.#isLost = true;
    this.#options.say?.(`The link to the coordinator at ${label} has ended: ${reason}.`);
    this.#options.onLost();
  }
}

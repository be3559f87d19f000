import { TrainerError } from "../base/errors.ts";
import type { Welcome } from "../protocol/messages.ts";
import type { ComputeThread } from "./compute-thread.ts";
import { errorOf } from "./error-of.ts";
import type { Stamped, ToCompute } from "./thread-messages.ts";

/** What the communication thread says, until the compute thread stands. */
export class Inbox {
  #messages: Stamped<ToCompute>[] = [];
  #failure: unknown;
  #compute: ComputeThread | undefined;
  #onFirst: () => void = () => undefined;

  put(message: Stamped<ToCompute>): void {
    if (this.#compute === undefined) this.#messages.push(message);
    else this.#compute.hear(message);
    this.#onFirst();
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.#compute?.fail(error);
    this.#onFirst();
  }

  /** The first message. @throws what it was instead. */
  async welcome(): Promise<Welcome> {
    while (this.#messages.length === 0 && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#onFirst = resolve;
      });
    }
    const message = this.#messages.shift();
    if (message?.type === "work" && message.message.type === "welcome") return message.message;
    if (message?.type === "failed") throw errorOf(message);
    if (message?.type === "finished") {
      throw new TrainerError("ERR_COORDINATOR_LOST", `The coordinator said: ${message.reason}.`);
    }
    if (this.#failure !== undefined) throw this.#failure;
    throw new TrainerError("ERR_PROTOCOL", "The coordinator did not begin with a welcome.");
  }

  /** Everything goes to the compute thread from now on, also what has come before. */
  handOver(compute: ComputeThread): void {
    this.#compute = compute;
    for (const message of this.#messages.splice(0)) compute.hear(message);
    if (this.#failure !== undefined) compute.fail(this.#failure);
  }
}

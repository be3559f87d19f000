/** What became of a queue. */
export interface QueueOutcome<T> {
  readonly done: readonly T[];
  readonly failed: readonly { readonly item: T; readonly error: unknown }[];
  /** Not begun, because of `signal`. */
  readonly left: readonly T[];
}

/** How a queue is worked off. */
export interface QueueOptions<T> {
  readonly items: readonly T[];
  /** How many at the same time. */
  readonly numSlots: number;
  /** `slot` counts from 0: no other item is in the same slot meanwhile. */
  work(item: T, slot: number): Promise<void>;
  /** Aborted: what has begun is waited for, nothing else begins. */
  readonly signal: AbortSignal;
}

/** Works off a queue in its order, several at a time. One item's failure does not keep others back. */
export async function runQueue<T>(options: QueueOptions<T>): Promise<QueueOutcome<T>> {
  const { numSlots, signal } = options;
  const waiting = [...options.items];
  const done: T[] = [];
  const failed: { item: T; error: unknown }[] = [];
  async function workOff(slot: number): Promise<void> {
    while (!signal.aborted) {
      const item = waiting.shift();
      if (item === undefined) return;
      try {
        await options.work(item, slot);
        done.push(item);
      } catch (error) {
        failed.push({ item, error });
      }
    }
  }
  await Promise.all(Array.from({ length: numSlots }, (_, slot) => workOff(slot)));
  return { done, failed, left: waiting };
}

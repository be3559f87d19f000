/** What became of a queue. */
export interface QueueOutcome<T> {
  readonly done: readonly T[];
  readonly failed: readonly { readonly item: T; readonly error: unknown }[];
  /** Not done, because of `signal`, or because no slot was left. */
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
  /**
   * Whether an error is the slot's and not the item's, such as that nobody works there: then the slot takes
   * nothing else, and the item goes to another.
   */
  isOfSlot?(error: unknown): boolean;
}

/** Works off a queue in its order, several at a time. One item's failure does not keep others back. */
export async function runQueue<T>(options: QueueOptions<T>): Promise<QueueOutcome<T>> {
  const { numSlots, signal } = options;
  const waiting = [...options.items];
  const done: T[] = [];
  const failed: { item: T; error: unknown }[] = [];
  const slots = new Set(Array.from({ length: numSlots }, (_, slot) => slot));
  const isOfSlot = (error: unknown) => options.isOfSlot?.(error) ?? false;
  async function workOff(slot: number): Promise<void> {
    while (!signal.aborted) {
      const item = waiting.shift();
      if (item === undefined) return;
      try {
        await options.work(item, slot);
        done.push(item);
      } catch (error) {
        if (isOfSlot(error)) {
          waiting.unshift(item);
          slots.delete(slot);
          return;
        }
        failed.push({ item, error });
      }
    }
  }
  // Again for what a slot has given back after the others had found nothing left.
  do await Promise.all([...slots].map((slot) => workOff(slot)));
  while (waiting.length > 0 && slots.size > 0 && !signal.aborted);
  return { done, failed, left: waiting };
}

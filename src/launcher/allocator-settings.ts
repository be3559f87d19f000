/**
 * glibc's allocator reads these when a process starts: it then keeps the memory of a step for the next one,
 * instead of giving it back to the kernel, which clears each page again. That is 2 to 5 % of a step, and a
 * quarter of one where page faults are dear.
 */
export const ALLOCATOR_SETTINGS = {
  MALLOC_TRIM_THRESHOLD_: String(2 ** 33),
  MALLOC_MMAP_THRESHOLD_: String(2 ** 25),
} as const;

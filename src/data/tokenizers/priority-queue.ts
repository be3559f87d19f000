/** A binary heap: the element that is `before` all others comes out first. */
export class PriorityQueue<T> {
  readonly #heap: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  push(element: T): void {
    const heap = this.#heap;
    let i = heap.length;
    for (; i > 0; ) {
      const parentIndex = (i - 1) >>> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !this.#before(element, parent)) break;
      heap[i] = parent;
      i = parentIndex;
    }
    heap[i] = element;
  }

  pop(): T | undefined {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts `element` at the root and moves it down to its place. */
  #sink(element: T): void {
    const heap = this.#heap;
    let i = 0;
    for (;;) {
      const [leftIndex, rightIndex] = [2 * i + 1, 2 * i + 2];
      const [left, right] = [heap[leftIndex], heap[rightIndex]];
      if (left === undefined) break;
      const isRight = right !== undefined && this.#before(right, left);
      const child = isRight ? right : left;
      if (!this.#before(child, element)) break;
      heap[i] = child;
      i = isRight ? rightIndex : leftIndex;
    }
    heap[i] = element;
  }
}

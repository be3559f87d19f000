import type { Log } from "../base/log.ts";

/** Where a progress line goes; stderr of a process, or a recorder in a test. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two lines where the stream is no terminal (a log file, CI). */
const LOG_INTERVAL_MS = 5000;
/** Milliseconds between two repaints of a terminal line: faster cannot be read. */
const PAINT_INTERVAL_MS = 100;

/**
 * One line that is always up to date on a terminal, and a line every few seconds elsewhere.
 *
 * Other output goes through `print`, so that it does not tear the line.
 */
export class ProgressLine {
  readonly #stream: ProgressStream;
  readonly #nowMs: () => number;
  #shownMs = Number.NEGATIVE_INFINITY;
  #current = "";

  constructor(
    stream: ProgressStream = process.stderr,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  /** Shows `text`, unless something was shown just now; `isUrgent` texts are always shown. */
  show(text: string, isUrgent = false): void {
    const interval = this.#stream.isTTY === true ? PAINT_INTERVAL_MS : LOG_INTERVAL_MS;
    if (!isUrgent && this.#nowMs() - this.#shownMs < interval) return;
    if (text === this.#current) return;
    this.#shownMs = this.#nowMs();
    this.#current = text;
    if (this.#stream.isTTY === true) this.#paint();
    else this.#stream.write(`${text}\n`);
  }

  /** Writes a line of its own above the progress line. */
  print(line: string): void {
    if (this.#stream.isTTY !== true) {
      this.#stream.write(`${line}\n`);
      return;
    }
    this.#stream.write(`\r\x1b[2K${line}\n`);
    if (this.#current !== "") this.#paint();
  }

  /** Where the parts that work say something to people. */
  get log(): Log {
    return {
      info: (message) => this.print(message),
      warn: (message) => this.print(`warning: ${message}`),
    };
  }

  /** Leaves the last text standing and goes to the next line. */
  end(): void {
    if (this.#stream.isTTY === true && this.#current !== "") this.#stream.write("\n");
    this.#current = "";
  }

  #paint(): void {
    const columns = this.#stream.columns ?? 80;
    const text =
      this.#current.length < columns ? this.#current : `${this.#current.slice(0, columns - 2)}…`;
    this.#stream.write(`\r\x1b[2K${text}`);
  }
}

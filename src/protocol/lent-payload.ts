/** A payload that does not exist until it is written, and not for long. */
export interface LentPayload {
  readonly byteLength: number;
  /** Makes it. What it returns is valid until this turn of the event loop, or the next loan, ends it. */
  lend(): Uint8Array;
}

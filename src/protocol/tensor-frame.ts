import type { LentPayload } from "./lent-payload.ts";
import type { UnreadPayload } from "./unread-payload.ts";

/** What a tensor frame carries. */
export type TensorKind =
  /** A node's gradient sum over one chunk, on its way to the chunk's owner. */
  | "partial"
  /** A finished chunk, from its owner to everybody. */
  | "sum"
  /** A piece of the training state: parameters, first moments, second moments. */
  | "state"
  /** A piece of a committed step's sum, for a joiner that does the update by itself. */
  | "replay";

/** How a tensor frame's numbers are written: bfloat16 is the upper half of an f32. */
export type ElementType = "f32" | "bf16";

/**
 * A slice of a flat f32 vector on the wire: 32 bytes of header, then little-endian numbers.
 *
 * | bytes | field | |
 * |---|---|---|
 * | 0-3 | magic | "SIT1"; control messages begin with "SIC1" |
 * | 4 | kind | 1 partial, 2 sum, 3 state, 4 replay |
 * | 5 | vector | kind state: 0 parameters, 1 first moments, 2 second moments; else 0 |
 * | 6 | elements | 0 f32, 1 bf16 (kinds partial and sum) |
 * | 7 | - | 0 |
 * | 8-11 | generation | uint32 |
 * | 12-15 | step | uint32 |
 * | 16-19 | offset | uint32, first float of the slice in its vector |
 * | 20-23 | lo | uint32, kind partial: first leaf of the node, else 0 |
 * | 24-27 | hi | uint32, kind partial: one past the last leaf, else 0 |
 * | 28-31 | - | 0 |
 */
export interface TensorFrame {
  readonly kind: TensorKind;
  readonly vector: 0 | 1 | 2;
  readonly elements: ElementType;
  readonly generation: number;
  readonly step: number;
  readonly offset: number;
  readonly lo: number;
  readonly hi: number;
  /** Whole elements; may be unaligned. Where there is `unread`, asking for it makes a copy. */
  readonly payload: Uint8Array;
  /** Of a frame that came by way of a slot: its payload, still there. `copyPayload` reads either. */
  readonly unread?: UnreadPayload;
  /** Of a frame to be sent whose payload is made when it is written. Asking for `payload` makes a copy. */
  readonly lent?: LentPayload;
}

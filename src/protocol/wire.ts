import type { ElementType, TensorKind } from "./tensor-frame.ts";

/** The first bytes of a control message; MessagePack follows. */
export const MESSAGE_MAGIC = "SIC1";

/** The first bytes of a tensor frame's header. */
export const TENSOR_MAGIC = "SIT1";

/** The first bytes of a message that says in which slot of a shared file a tensor's payload lies. */
export const SLOT_MAGIC = "SIS1";

/** The first bytes of a message that gives slots back to who wrote into them. */
export const FREE_MAGIC = "SIF1";

/** A tensor frame's header, a multiple of 16 so that the payload of an aligned frame is aligned. */
export const TENSOR_HEADER_BYTES = 32;

/** Tensor kinds by their number in the header. */
export const KINDS: readonly (TensorKind | undefined)[] = [
  undefined,
  "partial",
  "sum",
  "state",
  "replay",
];

/** Element types by their number in the header. */
export const ELEMENT_TYPES: readonly (ElementType | undefined)[] = ["f32", "bf16"];

/** Bytes of one number on the wire. */
export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = { f32: 4, bf16: 2 };

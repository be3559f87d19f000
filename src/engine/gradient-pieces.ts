import type { TensorPlace } from "../base/tensor-place.ts";

/** Neighbours in the flat vector whose gradients are fetched as one tensor. */
export interface GradientPiece {
  readonly name: string;
  readonly offset: number;
  readonly places: readonly TensorPlace[];
}

/** Cuts a layout into pieces of at most `maxFloats`; a tensor that is longer is a piece alone. */
export function gradientPieces(
  places: readonly TensorPlace[],
  maxFloats: number,
): readonly GradientPiece[] {
  const pieces: { name: string; offset: number; places: TensorPlace[] }[] = [];
  for (const place of places) {
    const last = pieces.at(-1);
    if (last !== undefined && place.offset + place.length - last.offset <= maxFloats) {
      last.places.push(place);
    } else {
      pieces.push({ name: `gradient ${pieces.length}`, offset: place.offset, places: [place] });
    }
  }
  return pieces;
}

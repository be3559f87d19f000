import { expect, test } from "vitest";
import { chunksOf, cutChunks } from "../../src/collective/chunks.ts";
import { MAX_FRAME_FLOATS } from "../../src/protocol/limits.ts";

test.each([
  [1, 1],
  // Fewer floats than owners.
  [5, 8],
  [8, 8],
  // Too short for cache lines.
  [100, 7],
  [112, 7],
  // Exactly one frame, and one float more.
  [MAX_FRAME_FLOATS, 1],
  [MAX_FRAME_FLOATS + 1, 1],
  [871_937, 2],
  [10_800_001, 3],
  [10_800_001, 8],
])("cuts %i floats for %i owners into whole, bounded, balanced chunks", (length, numOwners) => {
  const chunks = cutChunks(length, numOwners);
  let end = 0;
  for (const chunk of chunks) {
    expect(chunk.offset).toBe(end);
    expect(chunk.length).toBeGreaterThan(0);
    expect(chunk.length).toBeLessThanOrEqual(MAX_FRAME_FLOATS);
    end += chunk.length;
  }
  expect(end).toBe(length);
  const owned = Array.from({ length: numOwners }, (_, owner) =>
    chunks.filter((chunk) => chunk.owner === owner).reduce((sum, chunk) => sum + chunk.length, 0),
  );
  expect(Math.max(...owned) - Math.min(...owned)).toBeLessThanOrEqual(
    Math.max(1, length / 100, 32),
  );
  if (length >= numOwners) expect(Math.min(...owned)).toBeGreaterThan(0);
});

test.each([1, 2, 100, 871_937])(
  "sends the last of %i floats as f32 beside a bf16 wire",
  (length) => {
    expect(chunksOf(length, 3, "f32")).toEqual(cutChunks(length, 3));
    const chunks = chunksOf(length, 3, "bf16");
    const last = { offset: length - 1, length: 1, owner: 0, elements: "f32" };
    expect(chunks.at(-1)).toEqual(last);
    expect(chunks.slice(0, -1).every(({ elements }) => elements === "bf16")).toBe(true);
    expect(chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(length);
  },
);

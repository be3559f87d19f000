import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readVector } from "../../src/checkpoint/read-vector.ts";
import {
  type NamedTensor,
  openSafetensors,
  safetensorsPieces,
} from "../../src/checkpoint/safetensors-file.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";

const TENSORS: readonly NamedTensor[] = [
  { name: "b", shape: [2, 3], values: Float32Array.of(1, -0, 1e-45, Number.NaN, 3.4e38, 0.1) },
  { name: "a", shape: [1], values: Float32Array.of(7) },
  { name: 'odd "name" { ü', shape: [], values: Float32Array.of(8) },
  { name: "empty", shape: [0, 4], values: new Float32Array(0) },
];

test("gives back names, shapes and bits in the order written", async () => {
  const path = await written(TENSORS, { format: "pt" });
  await using file = await openSafetensors(path);
  expect(file.metadata).toEqual({ format: "pt" });
  expect(file.tensors.map(({ name }) => name)).toEqual(TENSORS.map(({ name }) => name));
  for (const [i, tensor] of file.tensors.entries()) {
    const values = new Float32Array((tensor.end - tensor.begin) / 4);
    await file.read(tensor, values);
    expect(tensor.shape).toEqual(TENSORS[i]?.shape);
    expect(values).toEqual(TENSORS[i]?.values);
  }
});

test("starts the data at a multiple of eight bytes", async () => {
  for (const name of ["a", "ab", "abc", "abcd", "abcde"]) {
    const bytes = await readFile(await written([{ name, shape: [1], values: Float32Array.of(1) }]));
    expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0);
  }
});

test("reads files of the reference, which another program wrote, in any order of tensors", async () => {
  const path = join(
    "test",
    "fixtures",
    "reference",
    "pre-small-rotary-geglu",
    "params.safetensors",
  );
  await using file = await openSafetensors(path);
  const layout = [...file.tensors].reverse().map(({ name, shape, begin, end }, i, all) => ({
    ...{ name, shape, length: (end - begin) / 4 },
    offset: all.slice(0, i).reduce((sum, other) => sum + (other.end - other.begin) / 4, 0),
  }));
  const vector = await readVector(path, layout);
  const bias = layout.find(({ name }) => name === "ln_out.weight");
  expect(vector.subarray(bias?.offset, (bias?.offset ?? 0) + 32)).toEqual(
    new Float32Array(32).fill(1),
  );
});

describe("reading a vector", () => {
  const place = (name: string, ...shape: number[]) => ({ name, shape, offset: 0, length: 6 });

  test.each([
    { layout: [], what: "another tensor", message: 'a tensor "b" that this model does not have' },
    { layout: [place("c", 6)], what: "another name", message: 'it has no tensor "c"' },
    { layout: [place("b", 3, 2)], what: "another shape", message: "is [2,3] instead of [3,2]" },
  ])("refuses a file with $what", async ({ layout, message }) => {
    const path = await written(TENSORS.slice(0, 1));
    await expect(readVector(path, layout)).rejects.toMatchObject({
      code: "ERR_SAFETENSORS",
      message: expect.stringContaining(message),
    });
  });
});

const ENTRY = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}';

test.each([
  { what: "no file", file: undefined, message: "it cannot be opened" },
  { what: "an empty file", file: Buffer.alloc(0), message: "it has only 0 bytes" },
  { what: "less than a size", file: Buffer.alloc(7), message: "it has only 7 bytes" },
  {
    what: "a header beyond the end of the file",
    file: Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]),
    message: "it claims a header of 9 bytes in a file of 10",
  },
  {
    what: "a header of 2^63 bytes",
    file: Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b, 0x7d]),
    message: "it claims a header of 9223372036854776000 bytes",
  },
  { what: "a header that is no JSON", file: fileOf("{]"), message: "is not a JSON object" },
  { what: "a header that is a list", file: fileOf("[]"), message: "is not a JSON object" },
  { what: "a header after a space", file: fileOf(" {}"), message: "is not a JSON object" },
  {
    what: "a header that is no UTF-8",
    file: fileOf(Buffer.from([0x7b, 0xff, 0x7d])),
    message: "is not UTF-8",
  },
  {
    what: "a name twice",
    file: fileOf(`{"a":${ENTRY},"b":{"a":1},"\\u0061":${ENTRY}}`, 8),
    message: 'it names "a" twice',
  },
  {
    what: "metadata that are not texts",
    file: fileOf('{"__metadata__":{"a":1}}'),
    message: "its __metadata__ is not a map of texts",
  },
  {
    what: "half-precision numbers",
    file: fileOf('{"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}', 8),
    message: '"a" is of type BF16, and only F32 is supported',
  },
  {
    what: "an entry without a shape",
    file: fileOf('{"a":{"dtype":"F32","data_offsets":[0,8]}}', 8),
    message: 'the entry of "a" is not {dtype, shape, data_offsets}',
  },
  {
    what: "a negative size",
    file: fileOf('{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}', 8),
    message: 'the entry of "a" is not {dtype, shape, data_offsets}',
  },
  {
    what: "three offsets",
    file: fileOf('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}', 8),
    message: "has the data offsets [0,8,8]",
  },
  {
    what: "offsets that do not fit the shape",
    file: fileOf('{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', 8),
    message: '"a" of shape [3] has the data offsets [0,8], which is not 12 bytes',
  },
  {
    what: "a shape whose product no number holds",
    file: fileOf(
      '{"a":{"dtype":"F32","shape":[9007199254740991,9007199254740991],"data_offsets":[0,8]}}',
      8,
    ),
    message: "has the data offsets [0,8]",
  },
  {
    what: "tensors that overlap",
    file: fileOf(`{"a":${ENTRY},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12),
    message: 'the data of "b" overlap',
  },
  {
    what: "a hole between tensors",
    file: fileOf(`{"a":${ENTRY},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16),
    message: 'there are 4 unused bytes before "b"',
  },
  {
    what: "a truncated end",
    file: fileOf(`{"a":${ENTRY}}`, 7),
    message: "it is truncated: its tensors need 8 bytes of data, and it has 7",
  },
  { what: "bytes behind the end", file: fileOf(`{"a":${ENTRY}}`, 9), message: "1 bytes follow" },
])("refuses $what by name", async ({ file, message }) => {
  const path = join(await temporaryFolder(), "model.safetensors");
  if (file !== undefined) await writeFile(path, file);
  await expect(openSafetensors(path)).rejects.toMatchObject({
    code: "ERR_SAFETENSORS",
    message: expect.stringContaining(message),
  });
});

test("refuses a folder by name", async () => {
  await expect(openSafetensors(await temporaryFolder())).rejects.toMatchObject({
    code: "ERR_SAFETENSORS",
    message: expect.stringContaining("it is not a file"),
  });
});

async function written(
  tensors: readonly NamedTensor[],
  metadata?: Record<string, string>,
): Promise<string> {
  const path = join(await temporaryFolder(), "x.safetensors");
  await writeFile(path, Buffer.concat([...safetensorsPieces(tensors, metadata)]));
  return path;
}

function fileOf(header: string | Buffer, dataBytes = 0): Buffer {
  const json = Buffer.from(header);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([size, json, Buffer.alloc(dataBytes)]);
}

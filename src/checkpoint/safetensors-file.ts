import { type FileHandle, open } from "node:fs/promises";
import { assert } from "../base/assert.ts";
import { floatsToBytes } from "../base/bytes.ts";
import {
  formatHeader,
  MAX_HEADER_BYTES,
  numElements,
  parseHeader,
  refuseFile,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors-header.ts";

/** A tensor with its values, as it goes into a file. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** f32, row-major; may lie on shared memory. */
  readonly values: Float32Array;
}

/** An open safetensors file, its header read and checked; its values are read when asked for. */
export interface SafetensorsFile extends SafetensorsHeader, AsyncDisposable {
  /** Reads one of `tensors` into `destination`, which has just its length and may lie on shared memory. */
  read(tensor: TensorEntry, destination: Float32Array): Promise<void>;
}

/** Bytes of the header's size, a little-endian uint64. */
const SIZE_BYTES = 8;

/**
 * The pieces of a safetensors file of f32 tensors, in order, without copying values: what PyTorch reads
 * with `safetensors.torch.load_file`.
 */
export function* safetensorsPieces(
  tensors: Iterable<NamedTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const inOrder = [...tensors];
  for (const { name, shape, values } of inOrder) {
    assert(values.length === numElements(shape), `${name} [${shape}] has ${values.length} values`);
  }
  const header = formatHeader(inOrder, metadata);
  const size = new DataView(new ArrayBuffer(SIZE_BYTES));
  size.setBigUint64(0, BigInt(header.byteLength), true);
  yield new Uint8Array(size.buffer);
  yield header;
  for (const { values } of inOrder) yield floatsToBytes(values);
}

/**
 * Opens a safetensors file of f32 tensors; use it with `await using`.
 *
 * @throws {TrainerError} ERR_SAFETENSORS when it cannot be read, is truncated, has anything behind its
 *   last tensor, or its header is not as the format wants it.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await open(path).catch((cause: unknown) =>
    refuseFile(path, `it cannot be opened (${messageOf(cause)})`, cause),
  );
  try {
    const { header, dataStart } = await readHeader(file, path);
    return {
      ...header,
      async read({ name, begin, end }, destination) {
        const bytes = floatsToBytes(destination);
        assert(bytes.byteLength === end - begin, `${name} was read into ${bytes.byteLength} bytes`);
        await readFully(file, bytes, dataStart + begin, path);
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readHeader(file: FileHandle, path: string) {
  const stats = await file.stat();
  if (!stats.isFile()) refuseFile(path, "it is not a file");
  if (stats.size < SIZE_BYTES) refuseFile(path, `it has only ${stats.size} bytes`);
  const size = Buffer.alloc(SIZE_BYTES);
  await readFully(file, size, 0, path);
  const headerBytes = Number(size.readBigUInt64LE());
  const dataStart = SIZE_BYTES + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES || dataStart > stats.size) {
    refuseFile(path, `it claims a header of ${headerBytes} bytes in a file of ${stats.size}`);
  }
  const bytes = Buffer.alloc(headerBytes);
  await readFully(file, bytes, SIZE_BYTES, path);
  return { header: parseHeader(bytes, stats.size - dataStart, path), dataStart };
}

/** Node reads at most 2 GiB at once; this keeps far below. */
const MAX_READ_BYTES = 2 ** 26;

async function readFully(
  file: FileHandle,
  destination: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  let done = 0;
  while (done < destination.byteLength) {
    const wanted = Math.min(MAX_READ_BYTES, destination.byteLength - done);
    const { bytesRead } = await file
      .read(destination, done, wanted, position + done)
      .catch((cause: unknown) => refuseFile(path, `reading failed (${messageOf(cause)})`, cause));
    if (bytesRead === 0) refuseFile(path, "it became shorter while it was read");
    done += bytesRead;
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

import { TrainerError } from "../base/errors.ts";

/** One tensor of a safetensors file, with its place among the file's data. */
export interface TensorEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** Bytes from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/** What the header of a safetensors file says. */
export interface SafetensorsHeader {
  /** In the order of their data, which follow each other without gaps. */
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The bound of the format's own library. */
export const MAX_HEADER_BYTES = 100_000_000;

/** The key of the header that is no tensor. */
const METADATA = "__metadata__";

/**
 * The header's JSON for f32 tensors in this order, padded with spaces so that the data after it are
 * aligned to 8 bytes; what the format's own library demands and writes.
 */
export function formatHeader(
  tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let offset = 0;
  const entries = tensors.map(({ name, shape }) => {
    const begin = offset;
    offset += 4 * numElements(shape);
    return [name, { dtype: "F32", shape, data_offsets: [begin, offset] }] as const;
  });
  const json = Buffer.from(
    JSON.stringify({ [METADATA]: metadata, ...Object.fromEntries(entries) }),
  );
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, " ");
  padded.set(json);
  return padded;
}

/**
 * Reads and checks a header.
 *
 * @param bytes the JSON, without the 8 bytes of size before it.
 * @param dataBytes size of what follows in the file.
 * @param path for messages.
 * @throws {TrainerError} ERR_SAFETENSORS when anything is not as the format wants it, a tensor is not
 *   f32, or the tensors do not cover the data exactly.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, path: string): SafetensorsHeader {
  const refuse = (what: string): never => refuseFile(path, what);
  const text = decodeUtf8(bytes) ?? refuse("its header is not UTF-8");
  const json = parseObject(text) ?? refuse("its header is not a JSON object");
  const twice = repeatedKey(text);
  if (twice !== undefined) refuse(`it names "${twice}" twice`);
  const { [METADATA]: metadata = {}, ...entries } = json;
  if (!isTextRecord(metadata)) return refuse(`its ${METADATA} is not a map of texts`);

  const tensors = Object.entries(entries).map(
    ([name, entry]) => tensorEntry(name, entry) ?? refuse(describeFault(name, entry)),
  );
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of tensors) {
    if (begin < covered) refuse(`the data of "${name}" overlap those of the tensor before`);
    if (begin > covered) refuse(`there are ${begin - covered} unused bytes before "${name}"`);
    covered = end;
  }
  if (covered > dataBytes) {
    refuse(`it is truncated: its tensors need ${covered} bytes of data, and it has ${dataBytes}`);
  }
  if (covered < dataBytes) refuse(`${dataBytes - covered} bytes follow its last tensor`);
  return { tensors, metadata };
}

/** Number of elements of a tensor; a scalar has one. */
export function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Throws the one error that all faults of a safetensors file have. */
export function refuseFile(path: string, what: string, cause?: unknown): never {
  throw new TrainerError(
    "ERR_SAFETENSORS",
    `${path} is not a safetensors file that smallinit can read: ${what}. ` +
      "Copy it again from its source, or give another file.",
    { cause },
  );
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  // Nothing may stand before the brace: a file is recognised by it.
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A key that the outermost object has twice: JSON.parse would drop the first without a word. */
function repeatedKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  for (const [token, isKey] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (depth === 1 && isKey !== undefined) {
      const key = String(JSON.parse(token.slice(0, -isKey.length)));
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

function isTextRecord(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === "string");
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tensorEntry(name: string, entry: unknown): TensorEntry | undefined {
  if (!isRecord(entry) || entry.dtype !== "F32") return undefined;
  const { shape, data_offsets: offsets } = entry;
  if (!isCounts(shape) || !isCounts(offsets)) return undefined;
  const [begin, end, ...more] = offsets;
  if (begin === undefined || end === undefined || more.length > 0) return undefined;
  if (end - begin !== 4 * numElements(shape)) return undefined;
  return { name, shape, begin, end };
}

function isCounts(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.every((count) => Number.isSafeInteger(count) && Number(count) >= 0)
  );
}

/** Why `tensorEntry` did not take it. */
function describeFault(name: string, entry: unknown): string {
  if (isRecord(entry) && typeof entry.dtype === "string" && entry.dtype !== "F32") {
    return `"${name}" is of type ${entry.dtype}, and only F32 is supported`;
  }
  if (isRecord(entry) && isCounts(entry.shape) && isCounts(entry.data_offsets)) {
    return (
      `"${name}" of shape [${entry.shape}] has the data offsets [${entry.data_offsets}], ` +
      `which is not ${4 * numElements(entry.shape)} bytes`
    );
  }
  return `the entry of "${name}" is not {dtype, shape, data_offsets}`;
}

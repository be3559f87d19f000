// Bytes changed by chance, the same from the same seed.

/** Values at which lengths, tags and signs turn. */
const TURNS = [0, 1, 0x7f, 0x80, 0x8f, 0x90, 0xc0, 0xc6, 0xdb, 0xdc, 0xdd, 0xdf, 0xfe, 0xff];

/** @returns a function that gives one of `inputs`, changed in one to four places. */
export function mutatorOf(random) {
  const below = (n) => random.uint32() % n;
  const noise = (length) => Buffer.from(Array.from({ length }, () => below(256)));
  const mutations = [
    (bytes, at) => withByte(bytes, at, bytes[at] ^ (1 << below(8))),
    (bytes, at) => withByte(bytes, at, below(256)),
    (bytes, at) => withByte(bytes, at, TURNS[below(TURNS.length)]),
    (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(8))]),
    (bytes, at) => Buffer.concat([bytes.subarray(0, at), noise(1 + below(8)), bytes.subarray(at)]),
    (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(bytes.length))]),
    (bytes, at) => bytes.subarray(0, at),
    (bytes, at, other) =>
      Buffer.concat([bytes.subarray(0, at), other.subarray(below(other.length))]),
  ];
  return (inputs) => {
    let bytes = inputs[below(inputs.length)];
    const numChanges = 1 + below(4);
    for (let i = 0; i < numChanges && bytes.length > 0; i++) {
      const mutate = mutations[below(mutations.length)];
      bytes = mutate(bytes, below(bytes.length), inputs[below(inputs.length)]);
    }
    return bytes;
  };
}

function withByte(bytes, at, value) {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
}

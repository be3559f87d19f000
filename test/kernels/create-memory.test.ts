import { afterEach, expect, test, vi } from "vitest";
import { createMemory } from "../../src/kernels/create-memory.ts";
import { createKernels } from "../../src/kernels/kernels.ts";
import { webAssembly } from "../../src/kernels/web-assembly.ts";

afterEach(() => vi.restoreAllMocks());

test("makes a shared memory of whole pages, all zeros", () => {
  const { buffer } = createMemory(2 ** 16 + 1);
  expect(buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(buffer.byteLength).toBe(2 ** 17);
  expect(new Uint8Array(buffer).every((byte) => byte === 0)).toBe(true);
});

test("refuses by name, with sizes, what WebAssembly cannot address", async () => {
  await expect(createKernels({ bytes: 5 * 2 ** 30 })).rejects.toMatchObject({
    code: "ERR_MEMORY",
    message: expect.stringMatching(/5120 MiB.*4096 MiB/),
  });
});

test("refuses by name, with the size, what the system does not give", () => {
  class Refused {
    constructor() {
      throw new RangeError("could not allocate memory");
    }
  }
  vi.spyOn(webAssembly, "Memory").mockImplementation(Refused as never);
  expect(() => createMemory(3 * 2 ** 20)).toThrowError(
    expect.objectContaining({
      code: "ERR_MEMORY",
      message: expect.stringContaining("3 MiB"),
      cause: expect.any(RangeError),
    }),
  );
});

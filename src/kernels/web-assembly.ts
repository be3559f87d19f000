/** A WebAssembly.Memory that threads can share; it goes to another thread by `postMessage`. */
export interface SharedMemory {
  readonly buffer: ArrayBufferLike;
}

interface WebAssemblyApi {
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => SharedMemory;
  instantiate(
    bytes: Uint8Array,
    imports: { readonly env: { readonly memory: SharedMemory } },
  ): Promise<{ readonly instance: { readonly exports: unknown } }>;
}

/** The parts of WebAssembly used here, typed by us: TypeScript has them only among a browser's types. */
export const webAssembly: WebAssemblyApi = (
  globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }
).WebAssembly;

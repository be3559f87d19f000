import type { TokenStore } from "./token-store.ts";

/** Tokens read at a time: 4 MiB of ids. */
const TOKENS_PER_READ = 2 ** 20;

/** Calls `visit` with all tokens of a part in order, a piece at a time, in bounded memory. */
export async function visitTokens(
  store: TokenStore,
  visit: (tokens: Uint32Array) => void,
): Promise<void> {
  for (let start = 0; start < store.numTokens; start += TOKENS_PER_READ) {
    visit(await store.read(start, Math.min(TOKENS_PER_READ, store.numTokens - start)));
  }
}

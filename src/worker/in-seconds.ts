/** "12 s": whole seconds, for people who wait. */
export function inSeconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

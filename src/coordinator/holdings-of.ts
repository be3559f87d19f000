import type { Holding, RunState } from "./run-state.ts";

/**
 * What workers hold that have called again while their former links still seemed to live, as half-open
 * ones do: by the time the last of those is given up, the fleet may be back already.
 */
export function holdingsOf({ workers }: Pick<RunState, "workers">): ReadonlyMap<number, Holding> {
  const holdings = new Map<number, Holding>();
  for (const [workerId, { held, standing }] of workers) {
    if (held === undefined) continue;
    if (standing.type === "preparing") holdings.set(workerId, held);
    if (standing.type !== "prepared" || standing.replayingSinceMs !== undefined) continue;
    const { step, digest } = standing;
    // An update that it did since by itself has used up the sum.
    holdings.set(workerId, held.step === step ? { ...held, digest } : { step, digest });
  }
  return holdings;
}

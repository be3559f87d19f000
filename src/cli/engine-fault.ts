import type { EngineFault } from "../engine/faulty-engine.ts";

/** A gradient that is computed more often would look like a worker that has stopped. */
const TIMES_MAX = 1000;

/**
 * Reads SMALLINIT_CHAOS, "slow@computing:times=4", "wrong@computing" or "drift@updating:times=51": what is
 * wrong with the engine of this process, for fault tests. Undefined where it says something else, which `phaseTrapOfEnvironment`
 * reads.
 */
export function engineFaultOfEnvironment(
  text = process.env.SMALLINIT_CHAOS,
): EngineFault | undefined {
  if (text === "wrong@computing") return { type: "wrong" };
  const groups = /^(?<what>slow@computing|drift@updating):times=(?<times>\d{1,4})$/.exec(
    text ?? "",
  )?.groups;
  const times = Number(groups?.times);
  if (!(times >= 1 && times <= TIMES_MAX)) return undefined;
  return { type: groups?.what === "drift@updating" ? "drift" : "slow", times };
}

import type { EngineFault } from "../engine/faulty-engine.ts";

/** Times that a slow engine may compute each gradient: more would look like one that has stopped. */
const TIMES_MAX = 1000;

/**
 * Reads SMALLINIT_CHAOS, "slow@computing:times=4" or "wrong@computing": what is wrong with the engine of
 * this process, for fault tests. Undefined where it says something else, which `phaseTrapOfEnvironment`
 * reads.
 */
export function engineFaultOfEnvironment(
  text = process.env.SMALLINIT_CHAOS,
): EngineFault | undefined {
  if (text === "wrong@computing") return { type: "wrong" };
  const times = Number(/^slow@computing:times=(\d{1,4})$/.exec(text ?? "")?.[1]);
  return times >= 1 && times <= TIMES_MAX ? { type: "slow", times } : undefined;
}

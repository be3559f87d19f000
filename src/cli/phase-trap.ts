import { TrainerError } from "../base/errors.ts";
import { nearestName } from "../configuration/nearest-name.ts";
import { PHASES, type PhaseTrap } from "../transport/stop-at-phase.ts";
import { engineFaultOfEnvironment } from "./engine-fault.ts";

/**
 * Reads SMALLINIT_CHAOS, "stop@sending:step=3" or "stop@joining": where this process stops itself, for
 * fault tests.
 *
 * @throws {TrainerError} ERR_CHAOS.
 */
export function phaseTrapOfEnvironment(text = process.env.SMALLINIT_CHAOS): PhaseTrap | undefined {
  if (text === undefined || text === "") return undefined;
  if (engineFaultOfEnvironment(text) !== undefined) return undefined;
  const groups = /^stop@(?<name>[a-z-]+)(:step=(?<step>\d{1,9}))?$/.exec(text)?.groups;
  const phase = PHASES.find((one) => one === groups?.name);
  if (groups === undefined || phase === undefined) {
    throw new TrainerError(
      "ERR_CHAOS",
      `SMALLINIT_CHAOS is "${text}". It is stop@PHASE or stop@PHASE:step=N, ` +
        "slow@computing:times=N, drift@updating:times=N (1 to 1000) or wrong@computing; did you mean " +
        `"stop@${nearestName(groups?.name ?? text, PHASES)}"? Phases: ${PHASES.join(", ")}`,
    );
  }
  return { phase, step: Number(groups.step ?? 0) };
}

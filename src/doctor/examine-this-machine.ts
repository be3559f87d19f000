import type { Environment } from "../base/environment.ts";
import type { DoctorReport } from "./doctor-report.ts";
import { ENGINE_TABLE } from "./engine-table.ts";
import { type Examination, examine } from "./examine.ts";
import { lookAtMachine } from "./look-at-machine.ts";
import { probeEngine } from "./probe-engine.ts";
import { probeKernels } from "./probe-kernels.ts";
import { probeLoopback } from "./probe-loopback.ts";

/** What the command line knows. */
export interface ThisMachine extends Omit<Examination, "engines" | "probes"> {
  /** Of package.json, for example ">=20.19". */
  readonly requiredNode: string;
  /** Of this process. */
  readonly environment: Environment;
  /** Of the process that tries an engine: `answerProbe` over `tryEngine`. */
  readonly engineProgram: URL;
}

/** Examines this machine with the real probes. */
export function examineThisMachine({
  requiredNode,
  environment,
  engineProgram,
  ...rest
}: ThisMachine): Promise<DoctorReport> {
  return examine({
    ...rest,
    engines: ENGINE_TABLE,
    probes: {
      machine: () => lookAtMachine(requiredNode, environment),
      engine: (entry, measureMs) => probeEngine(engineProgram, entry, measureMs),
      kernels: probeKernels,
      loopback: probeLoopback,
    },
  });
}

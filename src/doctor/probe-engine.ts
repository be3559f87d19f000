import { TrainerError } from "../base/errors.ts";
import { availableCores } from "../launcher/devices.ts";
import type { EngineFinding, WorkingEngine } from "./doctor-report.ts";
import type { EngineEntry } from "./engine-table.ts";
import { runProbe } from "./run-probe.ts";
import type { EngineTrial } from "./try-engine.ts";

/**
 * Lets an engine compute a small step in a process of its own.
 *
 * @param program of that process: answers an `EngineTrial`.
 * @param measureMs how long to measure its speed; 0: not at all.
 */
export async function probeEngine(
  program: URL,
  entry: EngineEntry,
  measureMs: number,
): Promise<EngineFinding> {
  const { engine, device, command, trialMs } = entry;
  try {
    const working = await runProbe<EngineTrial, WorkingEngine>({
      name: `The engine ${engine}`,
      program,
      request: { engine, device, numThreads: await availableCores(), measureMs },
      timeoutMs: trialMs,
    });
    return { engine, device, ...working };
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    return { engine, device, works: false, why: error.message, command };
  }
}

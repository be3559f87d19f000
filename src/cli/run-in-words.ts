import { join } from "node:path";
import type { AuditCounts } from "../coordinator/run-state.ts";
import type { RunStatus } from "../coordinator/run-status.ts";
import type { RunSummary } from "../coordinator/run-summary.ts";
import { countInWords, durationInWords } from "./words.ts";

/** The progress line: step, loss, speed, time left, and what is waited for. */
export function statusInWords(status: RunStatus): string {
  const parts = [
    status.phase === "training" ? undefined : status.phase,
    `step ${status.step}/${status.steps}`,
    status.loss === undefined ? undefined : `loss ${status.loss.toFixed(3)}`,
    status.validationLoss === undefined
      ? undefined
      : `validation ${status.validationLoss.toFixed(3)}`,
    status.tokensPerSecond === undefined
      ? undefined
      : `${countInWords(status.tokensPerSecond)} tokens/s`,
    status.msLeft === undefined ? undefined : `${durationInWords(status.msLeft)} left`,
    `${status.numWorkers} worker${status.numWorkers === 1 ? "" : "s"}`,
    status.waitingFor,
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}

/** What a run gave and where it lies, a few lines for the end of a command. */
export function summaryInWords(summary: RunSummary, runFolder: string): string {
  const loss = (value: number | null) => (value === null ? "-" : value.toFixed(4));
  const lines = [
    `${capitalized(summary.status)} after ${summary.steps} steps in ${durationInWords(summary.wallMs)}: ` +
      `training loss ${loss(summary.trainLoss)}, validation loss ${loss(summary.validationLoss)} nats per token, ` +
      `${countInWords(summary.tokensPerSecond)} tokens/s with ${summary.workers} worker${summary.workers === 1 ? "" : "s"}.`,
    `Run folder:  ${runFolder}  (metrics.jsonl, events.jsonl, summary.json)`,
  ];
  if (summary.checkpointStep !== null) {
    const name = `step-${String(summary.checkpointStep).padStart(8, "0")}`;
    lines.push(`Checkpoint:  ${join(runFolder, "checkpoints", name)}`);
  }
  if (summary.parameterDigest !== null) lines.push(`Digest:      ${summary.parameterDigest}`);
  if (summary.audit !== undefined) lines.push(`Audit:       ${auditInWords(summary.audit)}`);
  return lines.join("\n");
}

function auditInWords({ leaves, mismatches, unresolved }: AuditCounts): string {
  const found = `${countInWords(leaves)} leaves computed twice, ${mismatches} computed differently`;
  if (unresolved === 0) return found;
  return `${found}, ${unresolved} of them by nobody knows whom: run smallinit doctor on all hosts`;
}

function capitalized(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

import { TrainerError } from "../base/errors.ts";
import type { Configuration } from "../configuration/configuration.ts";

/** What is asked of audits. */
export interface AuditWish {
  readonly auditRate?: number;
  readonly allowsMixedEngines?: boolean;
}

/** The model must know all token ids of the data. @throws {TrainerError} ERR_VOCABULARY_MISMATCH. */
export function checkVocabulary({ vocabSize }: Configuration, dataVocabSize: number): void {
  if (dataVocabSize <= vocabSize) return;
  throw new TrainerError(
    "ERR_VOCABULARY_MISMATCH",
    `The data have ${dataVocabSize} token ids, but the model has vocabSize ${vocabSize}. Give the ` +
      "data that the run was started with.",
  );
}

/** Other engines round differently: every audit would find something. @throws {TrainerError} ERR_USAGE. */
export function checkAudit({ auditRate = 0, allowsMixedEngines = false }: AuditWish): void {
  if (auditRate === 0 || !allowsMixedEngines) return;
  throw new TrainerError(
    "ERR_USAGE",
    `--audit ${auditRate} compares bits, and with --mixed-engines honest workers have different ones. ` +
      "Leave one of them out.",
  );
}

/** A run cannot end before where it is. @throws {TrainerError} ERR_CONFIG_VALUE. */
export function checkSteps({ steps }: Configuration, stepsDone: number): void {
  if (stepsDone <= steps) return;
  throw new TrainerError(
    "ERR_CONFIG_VALUE",
    `The run has done ${stepsDone} steps already, but steps is ${steps}. Set steps to ${stepsDone} ` +
      "or more.",
  );
}

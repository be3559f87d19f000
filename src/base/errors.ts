/**
 * Every code that an expected failure can carry, with the exit code of a command that ends by it.
 *
 * Codes are never renamed: scripts match them. `docs/ERRORS.md` explains each, and a test compares.
 */
export const EXIT_CODES = {
  ERR_USAGE: 2,
  ERR_CONFIG_KEY: 2,
  ERR_CONFIG_VALUE: 2,
  ERR_CONFIG_FILE: 2,
  ERR_STUDY: 2,
  ERR_VOCABULARY_MISMATCH: 2,
  ERR_MEMORY: 1,
  ERR_ENGINE: 1,
  ERR_REFERENCE: 2,
  ERR_NOT_FINITE: 1,
  ERR_WRITE: 1,
  ERR_SAFETENSORS: 2,
  ERR_CHECKPOINT_MISSING: 2,
  ERR_CHECKPOINT_DAMAGED: 2,
  ERR_EXPORT: 2,
  ERR_CORPUS_MISSING: 2,
  ERR_CORPUS_EMPTY: 2,
  ERR_CORPUS_ENCODING: 2,
  ERR_CORPUS_UNREADABLE: 1,
  ERR_CORPUS_CHANGED: 1,
  ERR_DATA_OCCUPIED: 2,
  ERR_DATA_MISSING: 2,
  ERR_DATA_DAMAGED: 1,
  ERR_DATA_VERSION: 2,
  ERR_DATA_SHORT: 2,
  ERR_TOKENIZER_DAMAGED: 1,
  ERR_TOKENIZER_CHARACTER: 2,
  ERR_PROTOCOL: 1,
  ERR_PROTOCOL_VERSION: 1,
  ERR_PEER_FRAME: 1,
  ERR_URL: 2,
  ERR_TOKEN: 2,
  ERR_TOKEN_WRONG: 1,
  ERR_TLS: 2,
  ERR_CERTIFICATE: 1,
  ERR_LISTEN: 1,
  ERR_PORT_IN_USE: 1,
  ERR_CONNECT: 1,
  ERR_CONNECT_TIMEOUT: 1,
  ERR_NOT_SMALLINIT: 1,
  ERR_RUN_EXISTS: 2,
  ERR_RUN_MISSING: 2,
  ERR_RUN_ENDED: 1,
  ERR_TOO_FEW_WORKERS: 1,
  ERR_DEADLINE: 1,
  ERR_REPLICA_DIVERGED: 1,
  ERR_FLEET_FULL: 1,
  ERR_FLEET_MIXED: 1,
  ERR_PEER_PORT: 1,
  ERR_PEER_LOST: 1,
  ERR_COORDINATOR_LOST: 1,
  ERR_REJECTED: 1,
  ERR_WORKER_STOPPED: 1,
  ERR_WORKER_EXIT: 1,
  ERR_CHAOS: 2,
} as const satisfies Record<string, 1 | 2>;

/** The code of an expected failure. */
export type ErrorCode = keyof typeof EXIT_CODES;

/** An expected failure: its message says what happened, with the values, then what to do. */
export class TrainerError extends Error {
  override readonly name = "TrainerError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

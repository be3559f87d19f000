import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { TrainerError } from "../base/errors.ts";
import { systemFiles } from "../base/file-layer.ts";
import { systemCode } from "../base/write-error.ts";

/** How a run is reached: kept in its folder, so that the next start is reached in the same way. */
export interface RunSession {
  /** Names the run with its configuration, for workers that come back with its state. */
  readonly runId: string;
  /** Where it listened, with the port that it got. */
  readonly listen: { readonly host: string; readonly port: number };
  /** What workers must show; null: nothing. */
  readonly token: string | null;
  /** Its workers are children of the coordinator, and end with it. */
  readonly isLocal: boolean;
  /** The process that conducts it, and the host it runs on. */
  readonly processId: number;
  readonly hostName: string;
}

/** In the run folder, for its owner alone: it holds the token. */
const FILE = "session.json";

/** A run's id: random. */
export function newRunId(): string {
  return randomUUID();
}

/**
 * What the newest start of a run has kept; undefined when there is none that can be read: workers then
 * need a new join URL, and nothing else is lost.
 */
export async function readSession(runFolder: string): Promise<RunSession | undefined> {
  let content: Readonly<Record<string, unknown>>;
  try {
    content = { ...JSON.parse(await readFile(join(runFolder, FILE), "utf8")) };
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const { runId, listen, token, isLocal, processId, hostName } = content;
  const { host, port }: Readonly<Record<string, unknown>> = Object(listen);
  const isWhole =
    typeof runId === "string" &&
    typeof host === "string" &&
    typeof port === "number" &&
    (token === null || typeof token === "string") &&
    typeof isLocal === "boolean" &&
    typeof processId === "number" &&
    typeof hostName === "string";
  return isWhole
    ? { runId, listen: { host, port }, token, isLocal, processId, hostName }
    : undefined;
}

/**
 * Holds that no other process of this machine conducts the run: two would write over one another.
 *
 * @throws {TrainerError} ERR_RUN_EXISTS with its process id.
 */
export async function checkNotConducted(runFolder: string): Promise<void> {
  const session = await readSession(runFolder);
  if (session === undefined || session.hostName !== hostname()) return;
  const { processId } = session;
  if (processId === process.pid || !isRunning(processId)) return;
  throw new TrainerError(
    "ERR_RUN_EXISTS",
    `${runFolder} is conducted by process ${processId} already. End that first; if it is another ` +
      `program with the number of one that was killed, remove ${join(runFolder, FILE)}.`,
  );
}

function isRunning(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    // Somebody else's process is one that runs.
    return systemCode(error) === "EPERM";
  }
}

/** Keeps how this start is reached. @throws {TrainerError} ERR_WRITE. */
export async function writeSession(runFolder: string, session: RunSession): Promise<void> {
  const text = `${JSON.stringify(session)}\n`;
  await writeFileAtomically(join(runFolder, FILE), text, systemFiles, 0o600);
}

import { hostname } from "node:os";

/** The name under which the worker of a process on this machine joins, for example "host-b/4711". */
export function workerName(processId: number): string {
  return `${hostname()}/${processId}`;
}

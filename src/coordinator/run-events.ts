import type { Hello, Moment, PeerWait, WorkerToCoordinator } from "../protocol/messages.ts";
import type { DamagedCheckpoint } from "./find-start.ts";
import type { RunStart } from "./run-state.ts";

/** Something that happened outside the machine: it decides nothing else than what these tell it. */
export type RunEvent =
  /** A new link said who it is. `host` is where the coordinator sees it. */
  | {
      readonly type: "hello";
      readonly workerId: number;
      readonly hello: Hello;
      readonly host: string;
    }
  | {
      readonly type: "message";
      readonly workerId: number;
      readonly message: Exclude<WorkerToCoordinator, Hello>;
    }
  /** What the coordinator's own part in a star waits for. */
  | ({ readonly type: "star-waits"; readonly waits: readonly PeerWait[] } & Moment)
  /** Frames of workers came after their moment to the coordinator's own part in a star. */
  | { readonly type: "late-frames"; readonly numFrames: number }
  /** A worker's link has closed, by whichever side. */
  | { readonly type: "closed"; readonly workerId: number; readonly reason: string }
  /** All frames of the snapshot asked of `workerId` are here, and its word on their digest. */
  | {
      readonly type: "snapshot";
      readonly workerId: number;
      readonly step: number;
      readonly digest: string;
    }
  /** The sum of a committed step, asked of `workerId`, is here. */
  | { readonly type: "sum"; readonly workerId: number; readonly step: number }
  /** The checkpoint of `step` is whole on disk. */
  | { readonly type: "saved"; readonly step: number }
  /** The checkpoint of `step`, whose state is needed, is not whole; the one before that is. */
  | {
      readonly type: "checkpoint-damaged";
      readonly damaged: readonly DamagedCheckpoint[];
      readonly start: RunStart;
    }
  | {
      readonly type: "save-failed";
      readonly step: number;
      readonly code: string;
      readonly message: string;
    }
  /** A worker process of this machine has ended early; undefined: it is not started again. */
  | ({ readonly type: "worker-exit" } & LocalExit)
  /** The user wants the run to stop. */
  | { readonly type: "stop" }
  /** Nobody else will come: the run begins with who is there, and ends when nobody is left. */
  | { readonly type: "no-more-workers" }
  /** The coordinator itself cannot go on: its data cannot be read, say. */
  | { readonly type: "broken"; readonly code: string; readonly message: string }
  /** Time has passed: deadlines are looked at. */
  | { readonly type: "tick" };

/** How a local worker's process ended, in words, and when another is started in its place. */
export interface LocalExit {
  readonly message: string;
  readonly restartMs: number | undefined;
}

import type { Gpu } from "../launcher/devices.ts";
import type { NvidiaDriver } from "../launcher/nvidia-driver.ts";

/**
 * What `smallinit doctor` found; `--json` prints it. Names stay, new ones may be added; a measure is
 * absent where it was not taken. `GigabytesPerSecond` counts 10^9 bytes.
 */
export interface DoctorReport extends MachineFacts {
  /** The version of smallinit. */
  readonly smallinit: string;
  readonly engines: readonly EngineFinding[];
  readonly kernels: KernelSpeed | Failed | NotMeasured;
  /** A WebSocket between two processes of this machine. */
  readonly loopback: LoopbackSpeed | Failed | NotMeasured;
  /** The fastest engine that works, as `--engine` and `--device` take it; null when none does. */
  readonly best: { readonly engine: string; readonly device: string } | null;
  readonly missing: readonly Missing[];
}

/** What the machine is, without computing anything. */
export interface MachineFacts {
  readonly node: {
    readonly version: string;
    readonly required: string;
    readonly isSupported: boolean;
  };
  /** For example "linux-x64". */
  readonly platform: string;
  readonly cpu: {
    readonly model: string;
    /** That this process may use: by its affinity and its cgroup's quota. */
    readonly cores: number;
    readonly coresOfMachine: number;
    /** Processes that wanted a core, on average over the last minute; 0 on Windows. */
    readonly load: number;
  };
  readonly memory: {
    readonly bytesOfMachine: number;
    /** What this process may use in all: the cgroup's limit if that is less. */
    readonly bytes: number;
    readonly bytesFree: number;
  };
  /** NVIDIA's, as far as CUDA_VISIBLE_DEVICES leaves them to this process. */
  readonly gpus: readonly Gpu[];
  /** Versions of NVIDIA's driver; null without a GPU of theirs, or when the driver does not tell. */
  readonly nvidia: NvidiaDriver | null;
  /** Whether this machine's own names lead to an address. */
  readonly names: readonly NameFinding[];
}

/** Whether an engine works here: it has really computed a step, or says why it could not. */
export type EngineFinding = {
  readonly engine: string;
  readonly device: string;
} & (WorkingEngine | BrokenEngine);

/** An engine that has computed loss and gradient of a small model. */
export interface WorkingEngine {
  readonly works: true;
  /** Library with version. */
  readonly runtime: string;
  readonly numThreads: number;
  readonly speed?: EngineSpeed;
}

/** An engine that cannot be used here. */
export interface BrokenEngine {
  readonly works: false;
  readonly why: string;
  /** The command that makes it work, where there is one. */
  readonly command: string | null;
}

/** Forward and backward passes of one small model. */
export interface EngineSpeed {
  readonly tokensPerSecond: number;
  /** 10^9 floating-point operations of the model per second. */
  readonly gflops: number;
}

/** Gigabytes read and written per second, by one core. */
export interface KernelSpeed {
  readonly addGigabytesPerSecond: number;
  readonly adamWGigabytesPerSecond: number;
}

/** Gigabytes sent one way per second. */
export interface LoopbackSpeed {
  readonly gigabytesPerSecond: number;
}

/** A measure that could not be taken. */
export interface Failed {
  readonly why: string;
}

/** Nobody asked for the measure. */
export type NotMeasured = null;

/** A name of this machine. */
export interface NameFinding {
  readonly name: string;
  /** Null when the name does not resolve. */
  readonly address: string | null;
}

/** What stands in the way of something, and what brings it. */
export interface Missing {
  readonly what: string;
  readonly why: string;
  readonly command: string | null;
}

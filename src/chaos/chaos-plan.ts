/** Who takes part in a run under chaos: a worker by its place, from 0, or the coordinator. */
export type Party = number | "coordinator";

/** Something that is done to a run from outside; none of the processes knows of it beforehand. */
export type Fault =
  /** SIGKILL: nothing is said or written any more. */
  | { readonly kind: "kill"; readonly victim: Party }
  /** SIGTERM, a worker leaves with exit code 1; and SIGINT, on which a coordinator ends at once. */
  | { readonly kind: "exit"; readonly victim: Party }
  /** SIGSTOP, and SIGCONT after `forMs`: a zombie that comes back. */
  | { readonly kind: "freeze"; readonly victim: Party; readonly forMs: number }
  /** The connections between the two are destroyed, in the middle of whatever they carry. */
  | { readonly kind: "cut"; readonly victim: number; readonly peer: Party }
  /** The connections between the two carry nothing any more, and neither side is told. */
  | { readonly kind: "half-open"; readonly victim: number; readonly peer: Party };

/** The kinds of faults, as `--chaos` names them. */
export const FAULT_KINDS = ["kill", "exit", "freeze", "cut", "half-open"] as const;

/** A fault, and the committed step at which it happens. */
export interface ScheduledFault {
  readonly fault: Fault;
  readonly atStep: number;
}

/** What `--chaos` asks for. */
export interface ChaosPlan {
  /** By step, the earliest first. */
  readonly scheduled: readonly ScheduledFault[];
  /** Faults drawn by chance besides, on average so many a minute; 0: none. */
  readonly randomPerMinute: number;
  readonly seed: number;
  /** Of the undisturbed run; undefined: it is computed. */
  readonly digest: string | undefined;
}

/** "kill worker 2", "cut the link between worker 0 and the coordinator". */
export function faultInWords(fault: Fault): string {
  switch (fault.kind) {
    case "kill":
      return `kill ${partyInWords(fault.victim)}`;
    case "exit":
      return `end ${partyInWords(fault.victim)}`;
    case "freeze":
      return `freeze ${partyInWords(fault.victim)} for ${fault.forMs / 1000} s`;
    case "cut":
      return `cut ${linkInWords(fault)}`;
    case "half-open":
      return `silence ${linkInWords(fault)}`;
  }
}

function partyInWords(party: Party): string {
  return party === "coordinator" ? "the coordinator" : `worker ${party}`;
}

function linkInWords({ victim, peer }: { readonly victim: number; readonly peer: Party }): string {
  return `the link between ${partyInWords(victim)} and ${partyInWords(peer)}`;
}

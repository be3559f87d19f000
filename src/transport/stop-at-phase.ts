import type { Link, LinkListener } from "../protocol/link.ts";
import type { Message } from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** What a process may be about when a fault hits it. */
export const PHASES = [
  "joining",
  "computing",
  "sending",
  "owning",
  "awaiting-commit",
  "saving",
  "evaluating",
] as const;

/** The moment at which a process under test stops itself. */
export interface PhaseTrap {
  readonly phase: (typeof PHASES)[number];
  /** The step of computing, sending, owning and awaiting-commit; the others are met at their first. */
  readonly step: number;
}

/** Whose links are watched: the same words mean other phases to the other side. */
export type Side = "worker" | "coordinator";

/** A message or a frame that has just been said or heard. */
interface Word {
  readonly isHeard: boolean;
  readonly type: Message["type"] | TensorFrame["kind"];
  readonly step: number | undefined;
}

/**
 * Watches a process's links and calls `halt` once, in the turn in which its words show that the phase
 * is reached: after what shows it was handed to the socket, or before what shows it is acted upon.
 *
 * Fault tests stop a process exactly there and then do to it, from outside, what they like.
 *
 * @returns what to put between each link and its user.
 */
export function stopAtPhase(trap: PhaseTrap, side: Side, halt: () => void): (link: Link) => Link {
  let isSprung = false;
  function meet(word: Word): void {
    if (isSprung || !isReached(trap, side, word)) return;
    isSprung = true;
    halt();
  }
  return (link) => watched(link, meet);
}

function watched(link: Link, meet: (word: Word) => void): Link {
  return {
    get label() {
      return link.label;
    },
    set label(label) {
      link.label = label;
    },
    send(message) {
      link.send(message);
      meet({ isHeard: false, type: message.type, step: stepOf(message) });
    },
    sendTensor(frame) {
      const sent = link.sendTensor(frame);
      meet({ isHeard: false, type: frame.kind, step: frame.step });
      return sent;
    },
    listen: (listener) => link.listen(heedful(listener, meet)),
    close: (reason) => link.close(reason),
    cut: (reason) => link.cut(reason),
  };
}

function heedful(listener: LinkListener, meet: (word: Word) => void): LinkListener {
  return {
    onMessage(message) {
      meet({ isHeard: true, type: message.type, step: stepOf(message) });
      listener.onMessage(message);
    },
    onTensor(frame) {
      meet({ isHeard: true, type: frame.kind, step: frame.step });
      listener.onTensor(frame);
    },
    onClose: (reason) => listener.onClose(reason),
  };
}

function stepOf(message: Message): number | undefined {
  return "step" in message ? message.step : undefined;
}

function isReached({ phase, step }: PhaseTrap, side: Side, word: Word): boolean {
  const isWorker = side === "worker";
  const heard = (type: Word["type"]) => word.isHeard && word.type === type;
  const said = (type: Word["type"]) => !word.isHeard && word.type === type;
  switch (phase) {
    case "joining":
      return heard(isWorker ? "welcome" : "hello");
    case "computing":
      if (!isWorker) return heard("computed") && word.step === step;
      return step === 0 ? heard("assign") : heard("commit") && word.step === step - 1;
    case "sending":
      return said(isWorker ? "partial" : "sum") && word.step === step;
    case "owning":
      return heard("partial") && word.step === step;
    case "awaiting-commit":
      return (isWorker ? said("ready") : heard("ready")) && word.step === step;
    case "saving":
      return isWorker ? said("state") : heard("state");
    case "evaluating":
      return heard(isWorker ? "evaluate" : "evaluated");
  }
}

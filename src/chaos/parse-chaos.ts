import { defined } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { nearestName } from "../configuration/nearest-name.ts";
import {
  type ChaosPlan,
  FAULT_KINDS,
  type Fault,
  type Party,
  type ScheduledFault,
} from "./chaos-plan.ts";

/** What a specification must fit. */
export interface ChaosBounds {
  readonly numWorkers: number;
  /** Of the whole run. */
  readonly steps: number;
}

/** How long a frozen process stays so unless told otherwise, in ms. */
const FREEZE_MS = 10_000;

/** Words that stand before a colon or an equals sign. */
const WORDS = [...FAULT_KINDS, "coordinator", "random", "seed", "digest"];

const EXAMPLE = "kill:2@50,freeze:1@80:10s,cut:0-3@90,coordinator@120,seed=7";

/**
 * Reads `--chaos`: faults and settings with commas between.
 *
 * @throws {TrainerError} ERR_CHAOS on anything that is not understood to the letter, with the nearest
 *   word, and on a worker or a step that the run does not have.
 */
export function parseChaos(text: string, bounds: ChaosBounds): ChaosPlan {
  const scheduled: ScheduledFault[] = [];
  const settings = new Map<string, string>();
  for (const item of text.split(",").map((one) => one.trim())) {
    const setting = /^(?<key>seed=|digest=|random:)(?<value>.*)$/.exec(item)?.groups;
    if (setting === undefined) {
      scheduled.push(readFault(item, bounds));
      continue;
    }
    const { key = "", value = "" } = setting;
    if (settings.has(key)) refuse(item, `${key.slice(0, -1)} is given twice`);
    settings.set(key, value);
  }
  return {
    scheduled: scheduled.sort((a, b) => a.atStep - b.atStep),
    seed: readSeed(settings.get("seed=")),
    randomPerMinute: readRate(settings.get("random:")),
    digest: readDigest(settings.get("digest=")),
  };
}

function readSeed(text: string | undefined): number {
  if (text === undefined) return 1;
  if (!/^\d{1,9}$/.test(text)) refuse(`seed=${text}`, "a seed is a whole number below 10^9");
  return Number(text);
}

/** Faults a minute. */
function readRate(text: string | undefined): number {
  if (text === undefined) return 0;
  const rate = Number(/^(?<rate>\d+(\.\d+)?)\/min$/.exec(text)?.groups?.rate);
  if (!(rate > 0 && rate <= 600)) {
    refuse(`random:${text}`, "a rate is from 0.01/min to 600/min, for example random:6/min");
  }
  return rate;
}

function readDigest(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[0-9a-f]{64}$/.test(text)) {
    refuse(`digest=${text}`, "a digest has 64 hexadecimal digits, as summary.json shows it");
  }
  return text;
}

/** Reads "kill:2@50", "freeze:1@80:10s", "cut:0-3@90", "coordinator@120". */
function readFault(item: string, bounds: ChaosBounds): ScheduledFault {
  const pattern = /^(?<word>[a-z-]+)(:(?<whom>[a-z0-9-]+))?@(?<step>\d{1,9})(:(?<time>.+))?$/;
  const groups = pattern.exec(item)?.groups;
  const word = groups?.word ?? /^[^:@=]*/.exec(item)?.[0] ?? "";
  if (!WORDS.includes(word)) {
    const wanted = `there is no "${word}". Did you mean "${nearestName(word, WORDS)}"?`;
    refuse(item, `${wanted} Faults: ${FAULT_KINDS.join(", ")}, coordinator, random`);
  }
  if (groups === undefined) refuse(item, "a fault is KIND:WHOM@STEP");
  const { whom, step, time } = groups;
  const atStep = Number(step);
  if (atStep >= bounds.steps) {
    refuse(item, `the run has ${bounds.steps} steps; choose one below`);
  }
  if (time !== undefined && word !== "freeze") refuse(item, `${word} takes no time`);
  if (word === "coordinator") {
    if (whom !== undefined) refuse(item, "coordinator@STEP names its victim already");
    return { atStep, fault: { kind: "kill", victim: "coordinator" } };
  }
  if (whom === undefined) refuse(item, `${word} needs a victim, for example ${word}:0@${atStep}`);
  return { atStep, fault: faultOf(word as Fault["kind"], { item, whom, time, bounds }) };
}

interface FaultText {
  readonly item: string;
  readonly whom: string;
  readonly time: string | undefined;
  readonly bounds: ChaosBounds;
}

function faultOf(kind: Fault["kind"], text: FaultText): Fault {
  switch (kind) {
    case "kill":
    case "exit":
      return { kind, victim: readParty(text.whom, text) };
    case "freeze":
      return { kind, victim: readParty(text.whom, text), forMs: readTime(text) };
    case "cut":
    case "half-open":
      return { kind, ...readLink(text) };
  }
}

/** "0-3" between two workers; "2-coordinator", or "2" for short. */
function readLink(text: FaultText): { readonly victim: number; readonly peer: Party } {
  const [first = "", ...rest] = text.whom.split("-");
  const victim = readWorker(first, text);
  const peer = rest.length === 0 ? "coordinator" : readParty(rest.join("-"), text);
  if (peer === victim) refuse(text.item, "a link has two different ends");
  return { victim, peer };
}

function readParty(whom: string, text: FaultText): Party {
  return whom === "coordinator" ? whom : readWorker(whom, text);
}

function readWorker(whom: string, { item, bounds }: FaultText): number {
  const worker = /^\d{1,4}$/.test(whom) ? Number(whom) : Number.NaN;
  if (worker < bounds.numWorkers) return worker;
  return refuse(item, `"${whom}" is no worker: there are 0 to ${bounds.numWorkers - 1}`);
}

/** In ms. */
function readTime({ item, time }: FaultText): number {
  if (time === undefined) return FREEZE_MS;
  const groups = /^(?<count>\d+(\.\d+)?)(?<unit>ms|s)$/.exec(time)?.groups;
  if (groups === undefined) refuse(item, "a time is in s or ms, for example 10s");
  return Number(groups.count) * (defined(groups.unit, "a unit") === "s" ? 1000 : 1);
}

function refuse(item: string, why: string): never {
  throw new TrainerError("ERR_CHAOS", `--chaos "${item}": ${why}. An example: ${EXAMPLE}`);
}

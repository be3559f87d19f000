import { TrainerError } from "../base/errors.ts";
import { nearestName } from "../configuration/nearest-name.ts";
import type {
  Claim,
  Contrast,
  Settings,
  Study,
  StudyArm,
  StudyCorpus,
  Variation,
} from "./study.ts";

/** What may stand in a study file, and within its parts. */
const STUDY_KEYS = [
  ...["name", "title", "question", "corpora", "arms", "vary", "seeds", "configuration"],
  ...["claims", "quick"],
];
const CORPUS_KEYS = ["title", "source", "tokenizer", "vocabSize", "validation", "split"];
const ARM_KEYS = ["title", "configuration"];
const CLAIM_KEYS = ["statement", "measure", "arm", "against", "more"];
const QUICK_KEYS = ["corpora", "arms", "vary", "seeds", "configuration"];
const TOKENIZERS = ["byte", "char", "bpe", "gpt2"] as const;
const SPLITS = ["interleaved", "tail"] as const;
const MEASURES = ["speed", "loss", "trains"] as const;
/** A corpus's or an arm's name becomes that of a folder. */
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Checks what a study file holds.
 *
 * @param isQuick take what the file says under `quick` instead: fewer arms, values, seeds, steps.
 * @throws {TrainerError} ERR_STUDY with the place in the file. Settings are checked with the runs.
 */
export function readStudy(content: unknown, isQuick = false): Study {
  const whole = fields(content, "the study", STUDY_KEYS);
  const quick = isQuick ? fields(whole.quick ?? {}, "quick", QUICK_KEYS) : {};
  const study: Study = {
    name: name(whole.name, "name"),
    title: text(whole.title, "title"),
    question: text(whole.question, "question"),
    corpora: chosen(named(whole.corpora, "corpora", readCorpus), quick.corpora, "quick.corpora"),
    arms: chosen(named(whole.arms, "arms", readArm), quick.arms, "quick.arms"),
    vary: readVariations(quick.vary ?? whole.vary ?? {}),
    seeds: numbers(quick.seeds ?? whole.seeds, "seeds"),
    configuration: {
      ...settings(whole.configuration, "configuration"),
      ...settings(quick.configuration, "quick.configuration"),
    },
    claims: named(whole.claims ?? {}, "claims", readClaim),
  };
  return { ...study, claims: study.claims.filter((claim) => isKnown(claim, study, isQuick)) };
}

function readCorpus(value: unknown, key: string, place: string): StudyCorpus {
  const corpus = fields(value, place, CORPUS_KEYS);
  const { source = "demo", validation = 0.01, split = "interleaved", vocabSize } = corpus;
  if (source !== "demo" && !(Array.isArray(source) && source.every(isText))) {
    fail(`${place}.source`, source, 'must be "demo" or a list of files');
  }
  if (typeof validation !== "number" || !(validation > 0 && validation < 1)) {
    fail(`${place}.validation`, validation, "must be a number between 0 and 1");
  }
  if (vocabSize !== undefined && !isWhole(vocabSize)) {
    fail(`${place}.vocabSize`, vocabSize, "must be a whole number");
  }
  return {
    name: key,
    title: text(corpus.title, `${place}.title`),
    source: source as StudyCorpus["source"],
    tokenizer: oneOf(corpus.tokenizer, `${place}.tokenizer`, TOKENIZERS),
    ...(vocabSize === undefined ? {} : { vocabSize: vocabSize as number }),
    validation: validation as number,
    split: oneOf(split, `${place}.split`, SPLITS),
  };
}

function readArm(value: unknown, key: string, place: string): StudyArm {
  const arm = fields(value, place, ARM_KEYS);
  return {
    name: key,
    title: text(arm.title, `${place}.title`),
    configuration: settings(arm.configuration, `${place}.configuration`),
  };
}

function readVariations(value: unknown): readonly Variation[] {
  return Object.entries(fields(value, "vary")).map(([key, values]) => ({
    key,
    values: numbers(values, `vary.${key}`),
  }));
}

function readClaim(value: unknown, key: string, place: string): Claim {
  const claim = fields(value, place, CLAIM_KEYS);
  return {
    name: key,
    statement: text(claim.statement, `${place}.statement`),
    measure: oneOf(claim.measure, `${place}.measure`, MEASURES),
    arm: text(claim.arm, `${place}.arm`),
    against: text(claim.against, `${place}.against`),
    ...(claim.more === undefined ? {} : { more: readContrast(claim.more, `${place}.more`) }),
  };
}

function readContrast(value: unknown, place: string): Contrast {
  const contrast = fields(value, place, ["on", "than", "arm", "against"]);
  if (contrast.on !== undefined) {
    const { on, than } = contrast;
    return { type: "corpora", on: text(on, `${place}.on`), than: text(than, `${place}.than`) };
  }
  const { arm, against } = contrast;
  return {
    type: "arms",
    arm: text(arm, `${place}.arm`),
    against: text(against, `${place}.against`),
  };
}

/** A quick form may leave out what a claim is about; a whole study may not. */
function isKnown(claim: Claim, { arms, corpora }: Study, isQuick: boolean): boolean {
  const { more } = claim;
  const armNames = arms.map((arm) => arm.name);
  const corpusNames = corpora.map((corpus) => corpus.name);
  const wantedArms = [claim.arm, claim.against];
  if (more?.type === "arms") wantedArms.push(more.arm, more.against);
  const missing = [
    ...wantedArms.filter((arm) => !armNames.includes(arm)),
    ...(more?.type === "corpora" ? [more.on, more.than] : []).filter(
      (corpus) => !corpusNames.includes(corpus),
    ),
  ];
  const [first] = missing;
  if (first === undefined) return true;
  if (isQuick) return false;
  const nearest = nearestName(first, [...armNames, ...corpusNames]);
  return fail(`claims.${claim.name}`, first, `is no arm or corpus; did you mean ${nearest}?`);
}

function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  names: unknown,
  place: string,
): readonly T[] {
  if (names === undefined) return all;
  if (!Array.isArray(names)) return fail(place, names, "must be a list of names");
  return names.map((wanted) => {
    const found = all.find((one) => one.name === wanted);
    return found ?? fail(place, wanted, `must be one of ${all.map((one) => one.name).join(", ")}`);
  });
}

function named<T>(
  value: unknown,
  place: string,
  read: (value: unknown, key: string, place: string) => T,
): readonly T[] {
  return Object.entries(fields(value, place)).map(([key, one]) =>
    read(one, name(key, place), `${place}.${key}`),
  );
}

function fields(value: unknown, place: string, known?: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fail(place, value, "must be a mapping of names to values");
  }
  for (const key of Object.keys(value)) {
    if (known === undefined || known.includes(key)) continue;
    fail(`${place}.${key}`, key, `is unknown; did you mean ${nearestName(key, known)}?`);
  }
  return value as Fields;
}

function settings(value: unknown, place: string): Settings {
  return value === undefined ? {} : fields(value, place);
}

function name(value: unknown, place: string): string {
  if (typeof value === "string" && NAME.test(value)) return value;
  return fail(place, value, "must be a name of small letters, digits and hyphens");
}

function text(value: unknown, place: string): string {
  return isText(value) ? value : fail(place, value, "must be text");
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}

function numbers(value: unknown, place: string): readonly number[] {
  const isList = Array.isArray(value) && value.length > 0;
  if (isList && value.every((one) => typeof one === "number" && Number.isFinite(one))) {
    if (new Set(value).size === value.length) return value;
    return fail(place, value, "must not name a number twice");
  }
  return fail(place, value, "must be a list of numbers");
}

function oneOf<T extends string>(value: unknown, place: string, names: readonly T[]): T {
  const found = names.find((one) => one === value);
  return found ?? fail(place, value, `must be one of ${names.join(", ")}`);
}

function fail(place: string, value: unknown, what: string): never {
  throw new TrainerError(
    "ERR_STUDY",
    `The study's ${place} is ${value === undefined ? "missing" : JSON.stringify(value)}: it ${what}.`,
  );
}

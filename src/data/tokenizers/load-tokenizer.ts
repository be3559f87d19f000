import { TrainerError } from "../../base/errors.ts";
import { bpeTokenizer } from "./bpe-tokenizer.ts";
import { byteTokenizer } from "./byte-tokenizer.ts";
import { charTokenizer } from "./char-tokenizer.ts";
import { gpt2Tokenizer } from "./gpt2-tokenizer.ts";
import type { BpeTokenizerDescription, Tokenizer } from "./tokenizer.ts";

/**
 * The tokenizer of a description, checked: it may come from a file.
 *
 * @param description the parsed content of a `tokenizer.json`.
 * @throws {TrainerError} ERR_TOKENIZER_DAMAGED on anything that is not a tokenizer's description.
 */
export async function loadTokenizer(description: unknown): Promise<Tokenizer> {
  const fields = isRecord(description) ? description : {};
  const tokenizer = await tokenizerOf(fields);
  if (fields.vocabSize !== tokenizer.vocabSize) {
    throw damaged(
      `its vocabSize is ${JSON.stringify(fields.vocabSize)}, but it describes ${tokenizer.vocabSize} tokens`,
    );
  }
  return tokenizer;
}

async function tokenizerOf(fields: Readonly<Record<string, unknown>>): Promise<Tokenizer> {
  switch (fields.type) {
    case "byte":
      return byteTokenizer();
    case "char":
      return charTokenizer(checkedAlphabet(fields.alphabet));
    case "bpe":
      if (fields.words !== "smallinit-1")
        throw damaged(`its words are ${JSON.stringify(fields.words)}`);
      return bpeTokenizer(checkedMerges(fields.merges));
    case "gpt2":
      return gpt2Tokenizer();
    default:
      throw damaged(`its type is ${JSON.stringify(fields.type)}`);
  }
}

function checkedAlphabet(alphabet: unknown): string {
  if (typeof alphabet !== "string" || alphabet === "") throw damaged("it has no alphabet");
  const characters = [...alphabet];
  if (new Set(characters).size !== characters.length) {
    throw damaged("its alphabet names a character twice");
  }
  return alphabet;
}

function checkedMerges(merges: unknown): BpeTokenizerDescription["merges"] {
  if (!Array.isArray(merges)) throw damaged("it has no merges");
  return merges.map((merge: unknown, i) => {
    if (!Array.isArray(merge) || merge.length !== 2) throw damaged(`merge ${i} is no pair`);
    const [left, right]: unknown[] = merge;
    if (typeof left !== "number" || typeof right !== "number")
      throw damaged(`merge ${i} is no pair`);
    return [left, right] as const;
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function damaged(what: string): TrainerError {
  return new TrainerError(
    "ERR_TOKENIZER_DAMAGED",
    `This is not a description of a tokenizer: ${what}. ` +
      "Prepare the data again, or take tokenizer.json from an intact copy.",
  );
}

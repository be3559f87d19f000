import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "./run-cli.ts";

const TINY = ["--preset", "tiny", "--set", "steps=2"];

let folder: string;
let busy: Server;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "smallinit-bad-input-"));
  writeFileSync(join(folder, "book.txt"), "the quick brown fox\n".repeat(300));
  writeFileSync(join(folder, "other.txt"), "THE LAZY DOG, 0123456789!\n".repeat(300));
  writeFileSync(join(folder, "short.txt"), "hi");
  writeFileSync(join(folder, "empty.txt"), "");
  writeFileSync(join(folder, "latin1.txt"), Buffer.from([0x66, 0xfc, 0x72, 0x0a]));
  mkdirSync(join(folder, "precious"));
  writeFileSync(join(folder, "precious", "thesis.doc"), "irreplaceable");
  await expectDone(["prepare", "book.txt", "--out", "data", "--tokenizer", "char"]);
  await expectDone(["prepare", "other.txt", "--out", "other", "--tokenizer", "char"]);
  await expectDone(["launch", "--data", "data", "--run", "run", "--workers", "1", ...TINY]);
  await damageCopies();
  busy = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => busy.once("listening", resolve));
});
afterAll(() => {
  busy.close();
  rmSync(folder, { recursive: true });
});

const launch = (...more: string[]) => ["launch", "--data", "data", "--run", "new", ...more];
const prepare = (file: string, ...more: string[]) => {
  return ["prepare", file, "--out", "new-data", "--tokenizer", "byte", ...more];
};

describe("one line with a code, an exit code, and nothing left behind", () => {
  test.each<[what: string, args: string[], exitCode: number, code: string, says: RegExp]>([
    ["an unknown command", ["lunch"], 2, "ERR_USAGE", /launch/],
    ["an unknown option", launch("--wokers", "2"), 2, "ERR_USAGE", /--workers/],
    ["a missing option", ["launch", "--data", "data"], 2, "ERR_USAGE", /--run/],
    [
      "faults in a run that is to be profiled",
      launch("--chaos", "kill:0@1", "--profile"),
      2,
      "ERR_USAGE",
      /--chaos.*--profile/,
    ],
    ["no worker at all", launch("--workers", "0"), 2, "ERR_USAGE", /from 1 to/],
    ["a missing corpus", prepare("nowhere.txt"), 2, "ERR_CORPUS_MISSING", /nowhere\.txt/],
    ["an empty corpus", prepare("empty.txt"), 2, "ERR_CORPUS_EMPTY", /empty/],
    ["a corpus that is not UTF-8", prepare("latin1.txt"), 2, "ERR_CORPUS_ENCODING", /latin1\.txt/],
    [
      "an unknown tokenizer",
      prepare("book.txt", "--tokenizer", "wordpiece"),
      2,
      "ERR_USAGE",
      /bpe/,
    ],
    ["an impossible share", prepare("book.txt", "--validation", "1.5"), 2, "ERR_USAGE", /0 to 1/],
    [
      "a folder that prepare did not write",
      ["prepare", "book.txt", "--out", "precious", "--tokenizer", "byte"],
      2,
      "ERR_DATA_OCCUPIED",
      /precious/,
    ],
    [
      "missing data",
      ["launch", "--data", "nowhere", "--run", "new"],
      2,
      "ERR_DATA_MISSING",
      /nowhere/,
    ],
    [
      "a text shorter than a context",
      launch("--set", "contextLength=4096"),
      2,
      "ERR_DATA_SHORT",
      /4097/,
    ],
    [
      "truncated tokens",
      ["launch", "--data", "cut", "--run", "new", ...TINY],
      1,
      "ERR_DATA_DAMAGED",
      /train\.bin/,
    ],
    [
      "altered tokens",
      ["launch", "--data", "altered", "--run", "new", ...TINY],
      1,
      "ERR_DATA_DAMAGED",
      /SHA-256/,
    ],
    ["an unknown key", launch("--set", "learnRate=1"), 2, "ERR_CONFIG_KEY", /learningRate/],
    [
      "heads that do not divide the width",
      launch("--set", "numHeads=3", "--set", "embeddingSize=32"),
      2,
      "ERR_CONFIG_VALUE",
      /numHeads/,
    ],
    [
      "leaves that do not divide the batch",
      launch("--set", "batchSize=10", "--set", "microBatchSize=4"),
      2,
      "ERR_CONFIG_VALUE",
      /microBatchSize/,
    ],
    [
      "a vocabulary too small for the data",
      launch("--set", "vocabSize=3"),
      2,
      "ERR_VOCABULARY_MISMATCH",
      /vocabSize/,
    ],
    [
      "a run folder in use",
      ["launch", "--data", "data", "--run", "run", ...TINY],
      2,
      "ERR_RUN_EXISTS",
      /resume/,
    ],
    ["a run that is not there", ["resume", "nowhere"], 2, "ERR_RUN_MISSING", /nowhere/],
    [
      "a key that may not change",
      ["resume", "run", "--set", "learningRate=1"],
      2,
      "ERR_USAGE",
      /learningRate/,
    ],
    ["a missing checkpoint", ["generate", "nowhere"], 2, "ERR_CHECKPOINT_MISSING", /nowhere/],
    [
      "a truncated checkpoint",
      ["generate", "cut-checkpoint"],
      2,
      "ERR_CHECKPOINT_DAMAGED",
      /model\.safetensors/,
    ],
    [
      "an altered checkpoint",
      ["evaluate", "altered-checkpoint", "--data", "data"],
      2,
      "ERR_CHECKPOINT_DAMAGED",
      /model\.safetensors/,
    ],
    [
      "other data than trained on",
      ["evaluate", "run", "--data", "other"],
      2,
      "ERR_VOCABULARY_MISMATCH",
      /tokenizer|token ids/,
    ],
    [
      "a character never seen",
      ["generate", "run", "--prompt", "Ω"],
      2,
      "ERR_TOKENIZER_CHARACTER",
      /Ω/,
    ],
    ["a URL that is none", ["worker", "not a url"], 2, "ERR_URL", /ws:/],
    ["a reference folder that is none", ["verify", "precious"], 2, "ERR_REFERENCE", /precious/],
  ])("%s", async (_, args, exitCode, code, says) => {
    const before = readdirSync(folder).sort();
    const result = await runCli(folder, args);
    expect(result).toMatchObject({ exitCode });
    expect(codeLine(result.stderr)).toMatch(says);
    expect(codeLine(result.stderr)).toMatch(new RegExp(`^${code}: `));
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  test("a port in use", async () => {
    const address = busy.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const args = ["--listen", `127.0.0.1:${port}`, ...TINY];
    const result = await runCli(folder, ["coordinator", "--data", "data", "--run", "new", ...args]);
    expect(result.exitCode).toBe(1);
    expect(codeLine(result.stderr)).toMatch(new RegExp(`^ERR_PORT_IN_USE: .*${port}`));
    expect(existsSync(join(folder, "new", "metrics.jsonl"))).toBe(false);
    rmSync(join(folder, "new"), { recursive: true, force: true });
  });

  test("a folder that prepare refused is as it was", () => {
    expect(readFileSync(join(folder, "precious", "thesis.doc"), "utf8")).toBe("irreplaceable");
  });
});

function codeLine(stderr: string): string {
  return stderr.split("\n").find((line) => line.startsWith("ERR_")) ?? "";
}

async function expectDone(args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runCli(folder, args);
  expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
}

async function damageCopies(): Promise<void> {
  const checkpoint = join(folder, "run", "checkpoints", "step-00000002");
  const copies: readonly [
    name: string,
    source: string,
    file: string,
    damage: (path: string) => void,
  ][] = [
    ["cut", join(folder, "data"), "train.bin", (path) => truncateSync(path, 1000)],
    ["altered", join(folder, "data"), "train.bin", flipLastBit],
    ["cut-checkpoint", checkpoint, "model.safetensors", (path) => truncateSync(path, 1000)],
    ["altered-checkpoint", checkpoint, "model.safetensors", flipLastBit],
  ];
  for (const [name, source, file, damage] of copies) {
    cpSync(source, join(folder, name), { recursive: true });
    damage(join(folder, name, file));
  }
}

function flipLastBit(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readText } from "../../src/data/read-text.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";

const MEBIBYTE = 2 ** 20;

describe("readText", () => {
  test.each([
    ["nothing", ""],
    ["one character", "é"],
    ["a two-byte character across the border of pieces", `${"a".repeat(MEBIBYTE - 1)}é, and more`],
    [
      "a three-byte character one byte before the border",
      `${"a".repeat(MEBIBYTE - 1)}語, and more`,
    ],
    [
      "a three-byte character two bytes before the border",
      `${"a".repeat(MEBIBYTE - 2)}語, and more`,
    ],
    ["a four-byte character across the border", `${"a".repeat(MEBIBYTE - 3)}😀, and more`],
    ["exactly one piece", "a".repeat(MEBIBYTE)],
    ["a byte order mark that is not at the start", "a\ufeffb"],
  ])("gives back what was written: %s", async (_, text) => {
    expect((await piecesOf(text)).join("")).toBe(text);
  });

  test("holds one mebibyte at a time, not the file", async () => {
    const pieces = await piecesOf("語".repeat(MEBIBYTE));
    expect(pieces.length).toBe(3);
    expect(Math.max(...pieces.map((piece) => Buffer.byteLength(piece)))).toBeLessThan(MEBIBYTE + 4);
  });

  test("drops a byte order mark at the start", async () => {
    expect(await piecesOf("\ufefftext")).toEqual(["text"]);
  });

  test.each([
    ["a byte that never occurs", [0x61, 0xff, 0x62], 1],
    ["Latin-1", [0x63, 0x61, 0x66, 0xe9, 0x21], 4],
    ["an encoded surrogate", [0x61, 0xed, 0xa0, 0x80], 2],
    ["an overlong form", [0xc0, 0xaf], 0],
    ["a character that the end of the file cuts", [0x61, 0xe8, 0xaa], 3],
    ["UTF-16 with its byte order mark", [0xff, 0xfe, 0x61, 0x00], 0],
    [
      "a lone continuation byte in the second piece",
      [...Array(MEBIBYTE).fill(0x61), 0x80],
      MEBIBYTE,
    ],
  ])("names the file and the place of what is not UTF-8: %s", async (_, bytes, place) => {
    const failure = piecesOf(Uint8Array.from(bytes));
    await expect(failure).rejects.toMatchObject({
      code: "ERR_CORPUS_ENCODING",
      message: expect.stringMatching(new RegExp(`corpus\\.txt is not UTF-8 text: byte ${place} `)),
    });
  });

  test("names what opens but cannot be read", async () => {
    const path = await temporaryFolder();
    const reading = readText({ name: "folder", path, bytes: 3 }).next();
    await expect(reading).rejects.toMatchObject({
      code: "ERR_CORPUS_UNREADABLE",
      message: expect.stringMatching(/cannot be read \(EISDIR/),
    });
  });

  test("names a file that has gone since it was listed", async () => {
    const path = join(await temporaryFolder(), "gone.txt");
    const reading = readText({ name: "gone.txt", path, bytes: 3 }).next();
    await expect(reading).rejects.toMatchObject({
      code: "ERR_CORPUS_UNREADABLE",
      message: expect.stringContaining("gone.txt cannot be read"),
    });
  });
});

async function piecesOf(content: string | Uint8Array): Promise<string[]> {
  const path = join(await temporaryFolder(), "corpus.txt");
  await writeFile(path, content);
  const pieces: string[] = [];
  for await (const piece of readText({ name: "corpus.txt", path, bytes: 0 })) pieces.push(piece);
  return pieces;
}

import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { corpusFiles } from "../../src/data/corpus-files.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";

describe("corpusFiles", () => {
  test("lists a folder's files by name, those below it included", async () => {
    const folder = await folderWith({
      "b.txt": "b",
      "a/z.txt": "z",
      "a/b.txt": "ab",
      "B.txt": "B",
    });
    const files = await corpusFiles([folder]);
    expect(files.map(({ name }) => name)).toEqual(["B.txt", "a/b.txt", "a/z.txt", "b.txt"]);
    expect(files.map(({ bytes }) => bytes)).toEqual([1, 2, 1, 1]);
  });

  test("keeps the order of its arguments, and counts a file named twice once", async () => {
    const folder = await folderWith({ "a.txt": "a", "b.txt": "b" });
    const [a, b] = [join(folder, "a.txt"), join(folder, "b.txt")];
    const files = await corpusFiles([b, folder, a]);
    expect(files.map(({ path }) => path)).toEqual([b, a]);
  });

  test("passes over hidden files and links to folders, which could lead in circles", async () => {
    const folder = await folderWith({ "a.txt": "a", ".hidden": "h", ".git/config": "c" });
    await symlink(folder, join(folder, "circle"));
    await symlink(join(folder, "a.txt"), join(folder, "link.txt"));
    const files = await corpusFiles([folder]);
    expect(files.map(({ name }) => name)).toEqual(["a.txt", "link.txt"]);
  });

  test("says that a file is missing", async () => {
    await expect(corpusFiles(["no/such/file.txt"])).rejects.toMatchObject({
      code: "ERR_CORPUS_MISSING",
      message: "There is no file or folder no/such/file.txt. Check the path.",
    });
  });

  test.each([
    ["no arguments", {}, []],
    ["an empty folder", {}, ["."]],
    ["empty files", { "a.txt": "", "b/c.txt": "" }, ["."]],
    ["an empty file", { "a.txt": "" }, ["a.txt"]],
  ])("says that there is no text: %s", async (_, content, inputs) => {
    const folder = await folderWith(content);
    await expect(corpusFiles(inputs.map((input) => join(folder, input)))).rejects.toMatchObject({
      code: "ERR_CORPUS_EMPTY",
    });
  });

  test("says that something is neither a file nor a folder", async () => {
    await expect(corpusFiles(["/dev/null"])).rejects.toMatchObject({
      code: "ERR_CORPUS_UNREADABLE",
    });
  });

  test("names a folder on the way that is none", async () => {
    const folder = await folderWith({ "a.txt": "a" });
    await expect(corpusFiles([join(folder, "a.txt", "b.txt")])).rejects.toMatchObject({
      code: "ERR_CORPUS_UNREADABLE",
      message: expect.stringMatching(/a\.txt\/b\.txt cannot be read \(ENOTDIR/),
    });
  });

  test("names a link that leads nowhere", async () => {
    const folder = await folderWith({ "a.txt": "a" });
    await symlink("nowhere", join(folder, "broken.txt"));
    await expect(corpusFiles([folder])).rejects.toMatchObject({
      code: "ERR_CORPUS_UNREADABLE",
      message: expect.stringContaining("broken.txt"),
    });
  });
});

/** A temporary folder with these files. */
async function folderWith(content: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(content)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeFileAtomically } from "../../src/base/atomic-file.ts";
import { failingFiles } from "./failing-files.ts";
import { temporaryFolder } from "./temporary-folder.ts";

test("writes and replaces text and bytes", async () => {
  const path = join(await temporaryFolder(), "summary.json");
  await writeFileAtomically(path, "né");
  expect(await readFile(path, "utf8")).toBe("né");
  await writeFileAtomically(path, Uint8Array.of(1, 2, 3));
  expect([...(await readFile(path))]).toEqual([1, 2, 3]);
});

test("writes content of several pieces whole", async () => {
  const path = join(await temporaryFolder(), "large");
  const bytes = new Uint8Array(2 ** 23 + 5).map((_, i) => i % 251);
  await writeFileAtomically(path, bytes);
  expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
});

test("replaces what a crash left beside", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "summary.json");
  await writeFile(`${path}.tmp`, "half of a longer former content");
  await writeFileAtomically(path, "new");
  expect(await readFile(path, "utf8")).toBe("new");
  expect(await readdir(folder)).toEqual(["summary.json"]);
});

test("leaves the former content or the new, whichever operation fails", async () => {
  const counting = failingFiles();
  await writeFileAtomically(join(await temporaryFolder(), "x"), "new", counting);
  expect(counting.operations).toEqual(["open", "write", "sync", "rename", "open", "sync"]);

  for (const [at, operation] of counting.operations.entries()) {
    const folder = await temporaryFolder();
    const path = join(folder, "x");
    await writeFile(path, "former");
    const failing = failingFiles({ at, forever: false, code: "ENOSPC" });
    const writing = writeFileAtomically(path, "new", failing);
    const isRenamed = at > counting.operations.indexOf("rename");
    if (isRenamed) await writing;
    else {
      await expect(writing, operation).rejects.toMatchObject({
        code: "ERR_WRITE",
        message: expect.stringMatching(/ENOSPC.*free some space/),
      });
    }
    expect(await readFile(path, "utf8"), operation).toBe(isRenamed ? "new" : "former");
    expect(await readdir(folder), operation).toEqual(["x"]);
  }
});

test.each([
  { code: "EACCES", remedy: "change the permissions" },
  { code: "EROFS", remedy: "change the permissions" },
  { code: "EDQUOT", remedy: "free some space" },
  { code: "EIO", remedy: "Check the path and the disk" },
])("says what to do about $code", async ({ code, remedy }) => {
  const path = join(await temporaryFolder(), "x");
  const files = failingFiles({ at: 0, forever: false, code });
  await expect(writeFileAtomically(path, "new", files)).rejects.toMatchObject({
    code: "ERR_WRITE",
    message: expect.stringContaining(remedy),
  });
});

test("names a missing folder and a folder in the place of the file", async () => {
  const folder = await temporaryFolder();
  await expect(writeFileAtomically(join(folder, "no", "x"), "")).rejects.toMatchObject({
    code: "ERR_WRITE",
    message: expect.stringContaining("does not exist: create it"),
  });
  await mkdir(join(folder, "x"));
  await expect(writeFileAtomically(join(folder, "x"), "")).rejects.toMatchObject({
    code: "ERR_WRITE",
    message: expect.stringContaining("A folder is in its place"),
  });
});

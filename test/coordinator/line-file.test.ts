import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { LineFile, readLines } from "../../src/coordinator/line-file.ts";
import { CappedDisk } from "./capped-disk.ts";

const lineOf = (line: object) => `${JSON.stringify(line)}\n`;
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "smallinit-lines-"));
  path = join(folder, "metrics.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("each line is in the file once it was appended", async () => {
  const file = new LineFile(path, silentLog);
  file.append(lineOf({ step: 1 }));
  expect(readFileSync(path, "utf8")).toBe('{"step":1}\n');
  file.append(lineOf({ step: 2 }));
  expect(readLines(path)).toEqual([{ step: 1 }, { step: 2 }]);
  await file.close();
});

test("a cut drops the first line refused with all that follow, and half a line at the end", async () => {
  appendFileSync(path, '{"step":1}\n{"step":2}\n{"step":3}\n{"st');
  const file = new LineFile(path, silentLog);
  file.cut(({ step }) => Number(step) <= 2);
  file.append(lineOf({ step: 3, again: true }));
  expect(readLines(path)).toEqual([{ step: 1 }, { step: 2 }, { step: 3, again: true }]);
  await file.close();
});

test("a cut that refuses nothing keeps whole lines, broken ones among them", async () => {
  const whole = '{"step":1}\n{"st\n{"step":2}\n';
  appendFileSync(path, `${whole}{"step":3}`);
  const file = new LineFile(path, silentLog);
  file.cut(() => true);
  expect(readFileSync(path, "utf8")).toBe(whole);
  await file.close();
});

test("a sync that overlaps another waits for lines that came in between", async () => {
  const file = new LineFile(path, silentLog);
  file.append(lineOf({ step: 1 }));
  const first = file.sync();
  file.append(lineOf({ step: 2 }));
  await Promise.all([first, file.sync(), file.sync()]);
  await file.close();
  expect(readLines(path)).toEqual([{ step: 1 }, { step: 2 }]);
});

test("a line of which the disk takes a part is taken back, and fits where there is room", async () => {
  const disk = new CappedDisk(15);
  const file = new LineFile(path, silentLog, disk);
  file.append(lineOf({ step: 1 }));
  expect(() => file.append(lineOf({ step: 2 }))).toThrow(
    expect.objectContaining({
      code: "ERR_WRITE",
      message: expect.stringMatching(/ENOSPC.*disk or the quota is full/),
    }),
  );
  expect(readFileSync(path, "utf8")).toBe('{"step":1}\n');
  disk.room = 100;
  file.append(lineOf({ step: 2 }));
  expect(readLines(path)).toEqual([{ step: 1 }, { step: 2 }]);
  await file.close();
});

test("half a line that cannot be taken back at once is so before the next line", async () => {
  const disk = new CappedDisk(15);
  disk.canTruncate = false;
  const file = new LineFile(path, silentLog, disk);
  file.append(lineOf({ step: 1 }));
  expect(() => file.append(lineOf({ step: 2 }))).toThrow();
  expect(readFileSync(path, "utf8")).toBe('{"step":1}\n{"st');
  disk.room = 100;
  expect(() => file.append(lineOf({ step: 2 }))).toThrow();
  disk.canTruncate = true;
  file.append(lineOf({ step: 2 }));
  expect(readFileSync(path, "utf8")).toBe('{"step":1}\n{"step":2}\n');
  await file.close();
});

test("a file that cannot be opened is refused by name", () => {
  expect(() => new LineFile(join(folder, "missing", "x"), silentLog)).toThrow(
    expect.objectContaining({ code: "ERR_WRITE" }),
  );
});

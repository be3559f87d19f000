import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Log, silentLog } from "../../src/base/log.ts";
import { LineFile, readLines } from "../../src/coordinator/line-file.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "smallinit-lines-"));
  path = join(folder, "metrics.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("each line is in the file once it was appended", async () => {
  const file = new LineFile(path, silentLog);
  file.append({ step: 1 });
  expect(readFileSync(path, "utf8")).toBe('{"step":1}\n');
  file.append({ step: 2 });
  expect(readLines(path)).toEqual([{ step: 1 }, { step: 2 }]);
  await file.close();
});

test("a cut drops the first line refused with all that follow, and half a line at the end", async () => {
  appendFileSync(path, '{"step":1}\n{"step":2}\n{"step":3}\n{"st');
  const file = new LineFile(path, silentLog);
  file.cut(({ step }) => Number(step) <= 2);
  file.append({ step: 3, again: true });
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
  file.append({ step: 1 });
  const first = file.sync();
  file.append({ step: 2 });
  await Promise.all([first, file.sync(), file.sync()]);
  await file.close();
  expect(readLines(path)).toEqual([{ step: 1 }, { step: 2 }]);
});

test("a full disk is told once and ends nothing", async () => {
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (message) => warnings.push(message) };
  // Linux gives every writer of this device "no space left".
  const file = new LineFile("/dev/full", log);
  file.append({ step: 1 });
  file.append({ step: 2 });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/disk or the quota is full/);
  await file.close();
});

test("a file that cannot be opened is refused by name", () => {
  expect(() => new LineFile(join(folder, "missing", "x"), silentLog)).toThrow(
    expect.objectContaining({ code: "ERR_WRITE" }),
  );
});

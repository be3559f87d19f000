import {
  chmodSync,
  readdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import type { Log } from "../../src/base/log.ts";
import { SLOT_BYTES } from "../../src/transport/slot-file.ts";
import { SlotFolder } from "../../src/transport/slot-folder.ts";
import { hasSharedMemory, NEEDS_SHARED_MEMORY, ownSlotFolder, pathIn } from "./slot-folder-here.ts";

/** A log that can be read. */
function keptLog() {
  const lines: string[] = [];
  const log: Log = { info: (line) => lines.push(line), warn: (line) => lines.push(line) };
  return { log, lines };
}

test("a folder that is not in memory is not used, and the log says so", () => {
  const { log, lines } = keptLog();
  expect(SlotFolder.open({ log, parent: join(tmpdir(), "not-there") })).toBeUndefined();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^Links use sockets alone: .*not-there/);
});

const name = hasSharedMemory ? "a slot folder" : `a slot folder ${NEEDS_SHARED_MEMORY}`;
describe.skipIf(!hasSharedMemory)(name, () => {
  test("gives the finder what the maker wrote, and the maker what the finder wrote", () => {
    using own = ownSlotFolder();
    const offer = defined(own.slotFolder.make(), "an offer");
    const found = defined(own.slotFolder.find(offer.text), "the file");
    const made = offer.take();
    const bytes = new Uint8Array(SLOT_BYTES).map((_, i) => i * 7);
    expect([made.write(7, bytes), found.write(7, bytes.subarray(1))]).toEqual([true, true]);
    const [there, back] = [new Uint8Array(SLOT_BYTES), new Uint8Array(SLOT_BYTES - 1)];
    expect([found.read(7, there), made.read(7, back)]).toEqual([true, true]);
    expect(Buffer.from(there).equals(bytes)).toBe(true);
    expect(Buffer.from(back).equals(bytes.subarray(1))).toBe(true);
    made.close();
    found.close();
  });

  test("holds no file once it was taken or withdrawn", () => {
    using own = ownSlotFolder();
    const offers = [own.slotFolder.make(), own.slotFolder.make()];
    expect(readdirSync(pathIn(own))).toHaveLength(2);
    offers[0]?.take().close();
    offers[1]?.withdraw();
    expect(readdirSync(pathIn(own))).toEqual([]);
    for (const offer of offers) expect(own.slotFolder.find(offer?.text ?? "")).toBeUndefined();
  });

  test("removes what a process left that was killed in a handshake, and nothing newer", () => {
    using own = ownSlotFolder();
    const path = pathIn(own);
    writeFileSync(join(path, "left-over"), "");
    utimesSync(join(path, "left-over"), 0, 0);
    writeFileSync(join(path, "newer"), "");
    own.slotFolder.make()?.withdraw();
    expect(readdirSync(path)).toEqual(["newer"]);
  });

  /** What a hostile or mistaken peer offers, made of an honest offer. */
  const offers: readonly (readonly [string, (text: string, path: string) => string])[] = [
    ["nothing", () => ""],
    ["a path", (text) => `../${text.slice(3)}`],
    ["another nonce", (text) => text.replace(/.$/, (last) => (last === "0" ? "1" : "0"))],
    ["a name that is not there", (text) => text.replace(/^./, (one) => (one === "0" ? "1" : "0"))],
    [
      "a symbolic link",
      (text, path) => {
        const [file = ""] = text.split(" ");
        renameSync(join(path, file), join(path, "elsewhere"));
        symlinkSync("elsewhere", join(path, file));
        return text;
      },
    ],
    [
      "a file of another size",
      (text, path) => {
        truncateSync(join(path, text.split(" ")[0] ?? ""), 4096);
        return text;
      },
    ],
  ];
  test.each(offers)("does not open %s", (_what, change) => {
    using own = ownSlotFolder();
    const offer = defined(own.slotFolder.make(), "an offer");
    const changed = change(offer.text, pathIn(own));
    expect(own.slotFolder.find(changed)).toBeUndefined();
    offer.take().close();
  });

  test("is not used when others may enter it", () => {
    using own = ownSlotFolder();
    chmodSync(pathIn(own), 0o755);
    const { log, lines } = keptLog();
    expect(SlotFolder.open({ log, parent: own.parent })).toBeUndefined();
    expect(lines[0]).toMatch(/is not this user's alone/);
  });
});

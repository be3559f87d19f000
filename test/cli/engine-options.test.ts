import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { engineThreads } from "../../src/cli/engine-options.ts";
import { availableCores } from "../../src/launcher/devices.ts";

test("an engine has the threads that were asked for, else as many as this process may use cores", async () => {
  expect(await engineThreads(3)).toBe(3);
  expect(await engineThreads(undefined)).toBe(await availableCores());
});

test("no command counts cores by itself, since Node 20 does not know of a cgroup's quota", () => {
  const folder = new URL("../../src/cli/", import.meta.url);
  const counting = readdirSync(folder).filter((file) =>
    /availableParallelism|cpus\(\)\.length/.test(readFileSync(new URL(file, folder), "utf8")),
  );
  expect(counting).toEqual([]);
});

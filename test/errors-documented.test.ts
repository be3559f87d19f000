import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EXIT_CODES } from "../src/base/errors.ts";

const page = readFileSync(new URL("../docs/ERRORS.md", import.meta.url), "utf8");

test("docs/ERRORS.md lists every error code with its exit code, and no other", () => {
  const rows = [...page.matchAll(/^\| `(ERR_\w+)` \| (\d+) \|/gm)];
  const documented = Object.fromEntries(rows.map(([, code, exit]) => [code, Number(exit)]));
  expect(documented).toEqual(EXIT_CODES);
});

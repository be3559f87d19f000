import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CONFIGURATION_KEYS } from "../src/configuration/keys.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README's table lists every configuration key with its default and meaning", () => {
  const rows = README.split("\n").filter((line) => /^\| `\w+` \| .* \| .* \|$/.test(line));
  const expected = Object.entries(CONFIGURATION_KEYS).map(([key, rule]) => {
    const standard = rule.default === undefined ? "" : `\`${String(rule.default)}\``;
    return `| \`${key}\` | ${standard} | ${rule.help} |`;
  });
  expect(rows).toEqual(expected);
});

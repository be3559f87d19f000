// The tables of docs/COMPILER.md, which scripts write between marks.
import { readFileSync, writeFileSync } from "node:fs";

const PAGE = new URL("../../docs/COMPILER.md", import.meta.url);

/** Puts a table between the marks of its name. */
export function fillPage(name, table) {
  const text = readFileSync(PAGE, "utf8");
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [before, rest] = text.split(begin);
  const [, after] = rest.split(end);
  writeFileSync(PAGE, `${before}${begin}\n\n${table}\n\n${end}${after}`);
}

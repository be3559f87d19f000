import { existsSync, readFileSync, writeFileSync } from "node:fs";

/**
 * Merges rows of `all-reduce.mjs` into the raw numbers at `path`, and writes ALL_REDUCE.md beside.
 *
 * @param rows {workers, megabytes, side, ms, coreMs, xGloo, rounds, when, machine, versions, scheduling}
 */
export function writeAllReducePage(path, rows) {
  const results = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  for (const row of rows) results[`${row.workers} ${row.megabytes} ${row.side}`] = row;
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  const sorted = Object.values(results).sort(
    (a, b) => a.workers - b.workers || a.megabytes - b.megabytes,
  );
  writeFileSync(new URL("ALL_REDUCE.md", `file://${path}`), page(sorted));
}

function page(rows) {
  const sides = [...new Set(rows.map(({ side }) => side))];
  const cases = [...new Set(rows.map(({ workers, megabytes }) => `${workers} ${megabytes}`))];
  const find = (one, side) =>
    rows.find((row) => `${row.workers} ${row.megabytes}` === one && row.side === side);
  const table = (cell) =>
    [
      `| workers | MB | ${sides.join(" | ")} |`,
      `| --- | --- | ${sides.map(() => "---").join(" | ")} |`,
      ...cases.map((one) => {
        const cells = sides.map((side) => cell(find(one, side) ?? {}) ?? "");
        return `| ${one.split(" ").join(" | ")} | ${cells.join(" | ")} |`;
      }),
    ].join("\n");
  const fixed = (value, digits) => (typeof value === "number" ? value.toFixed(digits) : undefined);
  const [{ machine, versions }] = rows;
  const conditions = [
    ...new Set(rows.map(({ scheduling, rounds }) => `${scheduling}, ${rounds} rounds`)),
  ];
  return `# All-reduce

Written by \`scripts/bench/all-reduce.mjs\` from what it measured (raw numbers: [all-reduce.json](all-reduce.json)).
To repeat:

\`\`\`
npm run build && SMALLINIT_PYTHON=PYTHON_WITH_TORCH node scripts/bench/all-reduce.mjs --out docs/all-reduce.json
\`\`\`

Processes of one machine sum a vector of so many MB of f32. *memory*: payloads in shared memory, as workers of one machine do; *socket*:
over WebSockets on loopback; *f32* and *bf16* are the wire; *gloo* is PyTorch's all-reduce of f32, one thread a
process; *bare sockets* move the bytes of the f32 wire over \`net.Socket\` and add nothing. The sides take turns in every round
of one call; medians over the rounds. ${machine.cores} cores (${machine.cpu}) for all; Node ${versions.node}, PyTorch ${versions.torch}.
Conditions: ${conditions.join("; ")}.

## Speed relative to gloo with f32 (above 1: faster)

${table((row) => fixed(row.xGloo, 2))}

## Milliseconds

${table((row) => fixed(row.ms, 1))}

## Milliseconds of a core, all processes together

${table((row) => fixed(row.coreMs, 1))}
`;
}

import type { ProfileRow, ProfileSummary } from "./summarize-profile.ts";

/** A worker's profile as a table for people, with a line break at its end. */
export function formatProfile(workerId: number, summary: ProfileSummary): string {
  const { numSteps, medianStepMs, compute, communication } = summary;
  if (numSteps === 0) return `Worker ${workerId} ended before a step was done: no profile.\n`;
  const native = compute.find(({ name }) => name === "native call")?.share ?? 0;
  const lines = [
    `Worker ${workerId}: ${numSteps} steps of ${medianStepMs.toFixed(2)} ms in the median, ` +
      `${percent(native)} of their time in native calls`,
    ...table("compute thread", compute, () => ""),
    ...table("communication thread", communication, ({ overlap }) => percent(overlap)),
  ];
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

function table(
  title: string,
  rows: readonly ProfileRow[],
  lastColumn: (row: ProfileRow) => string,
): readonly string[] {
  const header = line([title, "in steps", "median ms", "share", "overlapped"]);
  return [
    header,
    ...rows.map((row) =>
      line([
        `  ${row.name}`,
        String(row.numSteps),
        row.medianMs.toFixed(3),
        percent(row.share),
        lastColumn(row),
      ]),
    ),
  ];
}

function line([first = "", ...others]: readonly string[]): string {
  return first.padEnd(24) + others.map((text) => text.padStart(11)).join("");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

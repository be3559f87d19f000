import { defined } from "../base/assert.ts";
import type { Measure, Verification, VerificationReport } from "./verification-report.ts";

/**
 * A report as text: for each folder a table of its measures and one of its tensors, with a column per
 * engine, then what failed.
 */
export function formatReport({ verifications, passed }: VerificationReport): string {
  const folders = [...new Set(verifications.map(({ folder }) => folder))];
  const sections = folders.map((folder) =>
    formatFolder(
      folder,
      verifications.filter((verification) => verification.folder === folder),
    ),
  );
  const failures = verifications.flatMap(({ folder, engine, measures }) =>
    measures
      .filter((measure) => !measure.passed)
      .map((measure) => `FAILED ${folder}: ${engine.engine}, ${inWords(measure)}`),
  );
  const verdict = passed
    ? `All ${verifications.length} verifications are within tolerance.`
    : `${verifications.filter((one) => !one.passed).length} of ${verifications.length} verifications failed.`;
  return [...sections, ...failures, verdict].join("\n");
}

function inWords({ name, error, tolerance }: Measure): string {
  return `${name} is off by ${scientific(error)}, more than ${scientific(tolerance)}`;
}

function formatFolder(folder: string, verifications: readonly Verification[]): string {
  const first = defined(verifications[0], "a verification");
  const runtimes = verifications.map(
    ({ engine: { engine, runtime, device } }) => `${engine} = ${runtime} on ${device}`,
  );
  const measures = table(
    ["measure", ...names(verifications), "tolerance"],
    first.measures.map(({ name, tolerance }, i) => [
      name,
      ...verifications.map((one) => {
        const { error, passed } = defined(one.measures[i], name);
        return `${scientific(error)}${passed ? "" : " !"}`;
      }),
      scientific(tolerance),
    ]),
  );
  const tensors = table(
    [
      "tensor, relative L2",
      ...names(verifications).flatMap((name) => [`${name} gradient`, `${name} update`]),
    ],
    first.tensors.map(({ name }, i) => [
      name,
      ...verifications.flatMap((one) => {
        const { gradient, update } = defined(one.tensors[i], name);
        return [scientific(gradient), scientific(update)];
      }),
    ]),
  );
  const heading = `${folder}: ${first.numSteps} steps, ${runtimes.join(", ")}`;
  return `${heading}\n\n${measures}\n\n${tensors}\n`;
}

function names(verifications: readonly Verification[]): readonly string[] {
  return verifications.map(({ engine }) => engine.engine);
}

function scientific(error: number | undefined): string {
  return error === undefined ? "-" : error.toExponential(1);
}

/** Columns as wide as their widest cell, the first to the left, the others to the right. */
function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ");
  return all.map((row) => `  ${line(row).trimEnd()}`).join("\n");
}

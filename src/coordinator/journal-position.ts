/**
 * How many steps are committed after a line of events.jsonl; undefined for a line that says nothing of
 * it. A `leaves` line opens a range of commits that are told later.
 */
export function positionOf(line: Readonly<Record<string, unknown>>): number | undefined {
  const key = POSITIONS.get(String(line.type));
  if (key === undefined) return undefined;
  const position = line[key];
  return typeof position === "number" ? position : 0;
}

const POSITIONS: ReadonlyMap<string, string> = new Map([
  ["leaves", "from"],
  ["commits", "to"],
  ["rewind", "step"],
  ["journal-gap", "to"],
]);

/** Who reports something else than more than half of all; nobody is right without such a majority. */
export function compareReports(reports: ReadonlyMap<number, string>): {
  readonly oddIds: readonly number[];
  readonly majority: string | undefined;
} {
  const counts = new Map<string, number>();
  for (const value of reports.values()) counts.set(value, (counts.get(value) ?? 0) + 1);
  const majority = [...counts].find(([, count]) => count * 2 > reports.size)?.[0];
  const odd = [...reports].filter(([, value]) => value !== majority);
  const oddIds = odd.map(([id]) => id).sort((a, b) => a - b);
  return { oddIds, majority };
}

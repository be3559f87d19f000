/**
 * The one of `names` that takes the fewest single-letter edits from `typed`, ignoring case, hyphens and
 * underscores; a name that contains what was typed counts as one edit away.
 */
export function nearestName(typed: string, names: readonly string[]): string {
  const wanted = typed.toLowerCase().replaceAll(/[-_]/g, "");
  let nearest = names[0] ?? "";
  let fewest = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const edits = distance(wanted, name.toLowerCase());
    if (edits < fewest) [nearest, fewest] = [name, edits];
  }
  return nearest;
}

function distance(wanted: string, name: string): number {
  const edits = editDistance(wanted, name);
  // One letter or two are contained in too many names. Of several, the shortest is the nearest.
  const isPart = wanted.length >= 3 && name.includes(wanted);
  return isPart ? Math.min(edits, 1 + name.length / 1000) : edits;
}

/** Levenshtein distance, by rows. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

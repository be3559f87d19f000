/** A duration for people: "9 s", "3 min 20 s", "2 h 5 min". */
export function durationInWords(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A count for people: "950", "12.3 k", "4.56 M". */
export function countInWords(count: number): string {
  if (count < 1000) return String(Math.round(count));
  if (count < 1e6) return `${(count / 1e3).toPrecision(3)} k`;
  if (count < 1e9) return `${(count / 1e6).toPrecision(3)} M`;
  return `${(count / 1e9).toPrecision(3)} G`;
}

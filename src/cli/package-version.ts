import { readFileSync } from "node:fs";

/** The version in this package's package.json, for example "0.1.0". */
export function packageVersion(): string {
  const url = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { version: string }).version;
}

import { Option } from "commander";
import { realNumber } from "./option-values.ts";

/** `--audit` of commands that conduct a run. */
export function auditOption(): Option {
  return new Option(
    "--audit <rate>",
    "part of the leaves that a second worker computes as well, 0 to 1, to find hardware that errs",
  )
    .argParser(realNumber(0, 1))
    .default(0);
}

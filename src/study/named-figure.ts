import type { Figure } from "../plots/figure.ts";

/** A figure of a report, and the name of its file. */
export interface NamedFigure {
  readonly name: string;
  readonly figure: Figure;
}

import { InvalidArgumentError } from "commander";

/** Reads an option as a whole number from `min` to `max`; commander names the option in the error. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => numberWithin(text, min, max, Number.isInteger, "whole number");
}

/** Reads an option as a number from `min` to `max`. */
export function realNumber(min: number, max: number): (text: string) => number {
  return (text) => numberWithin(text, min, max, Number.isFinite, "number");
}

/** Collects an option that may be given several times. */
export function repeated(text: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), text];
}

function numberWithin(
  text: string,
  min: number,
  max: number,
  isKind: (value: number) => boolean,
  kind: string,
): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (isKind(value) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a ${kind} from ${min} to ${max}.`);
}

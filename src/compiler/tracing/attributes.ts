import { assert } from "../../base/assert.ts";

/** What tfjs hands to a kernel beside its tensors. */
export type Attributes = Readonly<Record<string, unknown>>;

/** The number called `name`. */
export function numberAt(attributes: Attributes, name: string): number {
  const value = attributes[name];
  assert(typeof value === "number", `kernel attribute ${name} is not a number`);
  return value;
}

/** The flag called `name`; absent means false. */
export function flagAt(attributes: Attributes, name: string): boolean {
  const value = attributes[name] ?? false;
  assert(typeof value === "boolean", `kernel attribute ${name} is not a flag`);
  return value;
}

/** The numbers called `name`; a single one counts as a list of one. */
export function numbersAt(attributes: Attributes, name: string): readonly number[] {
  const value = attributes[name];
  if (typeof value === "number") return [value];
  assert(
    Array.isArray(value) && value.every((item) => typeof item === "number"),
    `kernel attribute ${name} is not a list of numbers`,
  );
  return value;
}

import { TrainerError } from "../base/errors.ts";

/**
 * Gives `value` back, typed, when it is what a field may hold.
 *
 * @param path the field's name for messages, for example "form.members[2].workerId".
 * @throws {TrainerError} ERR_PROTOCOL.
 */
export type Check<T> = (value: unknown, path: string) => T;

/** Fields of an object type, each with its check; an optional one is wrapped in `optional`. */
export type FieldChecks<T> = {
  readonly [K in keyof T]-?: undefined extends T[K] ? OptionalCheck<T[K]> : Check<T[K]>;
};

/** A check that also passes when the field is not there. */
export interface OptionalCheck<T> {
  readonly optional: Check<T>;
}

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): Check<number> {
  return (value, path) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    throw refusal(path, value, `a whole number from ${min} to ${max}`);
  };
}

/** A whole number of up to 32 bits. */
export const uint32: Check<number> = integer(0, 2 ** 32 - 1);

/** Any number, NaN and infinities too: a loss can be one, and the coordinator must hear of it. */
export const anyNumber: Check<number> = (value, path) => {
  if (typeof value === "number") return value;
  throw refusal(path, value, "a number");
};

/** Milliseconds, finite and not negative. */
export const duration: Check<number> = (value, path) => {
  if (typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw refusal(path, value, "a number of milliseconds");
};

export const flag: Check<boolean> = (value, path) => {
  if (typeof value === "boolean") return value;
  throw refusal(path, value, "true or false");
};

/**
 * Text of at most `lengthMax` UTF-16 units. It will be shown in terminals, so control characters, line
 * breaks and invisible marks become spaces.
 */
export function text(lengthMax: number, lengthMin = 0): Check<string> {
  return (value, path) => {
    if (typeof value !== "string") throw refusal(path, value, "text");
    if (value.length < lengthMin || value.length > lengthMax) {
      throw refusal(path, value.length, `text of ${lengthMin} to ${lengthMax} characters`);
    }
    return value.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  };
}

/** Text that a pattern describes; `description` says in words what it must be. */
export function pattern(expression: RegExp, description: string): Check<string> {
  return (value, path) => {
    if (typeof value === "string" && value.length <= 512 && expression.test(value)) return value;
    throw refusal(path, value, description);
  };
}

/** Bytes, a multiple of `unitBytes` of them; a view of the message. */
export function bytes(unitBytes: number): Check<Uint8Array> {
  return (value, path) => {
    if (!(value instanceof Uint8Array)) throw refusal(path, value, "bytes");
    if (value.byteLength % unitBytes === 0) return value;
    throw refusal(path, value.byteLength, `a multiple of ${unitBytes} bytes`);
  };
}

/** An array of `lengthMin` to `lengthMax` elements that all pass `check`. */
export function list<T>(check: Check<T>, lengthMax: number, lengthMin = 0): Check<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw refusal(path, value, "a list");
    if (value.length < lengthMin || value.length > lengthMax) {
      throw refusal(path, value.length, `a list of ${lengthMin} to ${lengthMax}`);
    }
    return value.map((element: unknown, i) => check(element, `${path}[${i}]`));
  };
}

/** An object with these fields; others, which a newer sender may add, are left behind. */
export function object<T>(fields: FieldChecks<T>): Check<T> {
  const checks = Object.entries<Check<unknown> | OptionalCheck<unknown>>(fields);
  return (value, path) => {
    const given = record(value, path);
    const checked: Record<string, unknown> = {};
    for (const [name, check] of checks) {
      const isThere = Object.hasOwn(given, name);
      if (typeof check === "function") checked[name] = check(given[name], `${path}.${name}`);
      else if (isThere) checked[name] = check.optional(given[name], `${path}.${name}`);
    }
    // Every field of T has been checked by its own check just above.
    return checked as T;
  };
}

/** A map with string keys, whatever its values. */
export function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    if (!(value instanceof Uint8Array)) return value as Readonly<Record<string, unknown>>;
  }
  throw refusal(path, value, "a map");
}

/** The error for a field that is not what it must be. */
export function refusal(path: string, value: unknown, mustBe: string): TrainerError {
  return new TrainerError("ERR_PROTOCOL", `${path} is ${shown(value)}, but must be ${mustBe}`);
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === undefined) return "missing";
  if (value === null) return "nil";
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  return Array.isArray(value) ? `a list of ${value.length}` : "a map";
}

/** Where a part says what it does. Fields are plain values; the shell decides how they are shown. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

/** A log that is heard by nobody; for tests and for libraries that were given none. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined };

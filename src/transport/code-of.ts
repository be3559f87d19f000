/** What Node names a failed system call by, for example "ECONNREFUSED"; else the error's message. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

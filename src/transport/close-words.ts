/** Why a link ends that its socket could not go on with, for people. */
export function reasonOf(error: Error): string {
  const code = "code" in error ? String(error.code) : "";
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH")
    return "sent nonsense: a message that is too long";
  if (code.startsWith("WS_ERR_")) return `sent nonsense: ${error.message}`;
  return `connection lost (${code === "" ? error.message : code})`;
}

/** RFC 6455: no close frame came, the connection just ended. */
const NO_CLOSE_FRAME = 1006;

/** Why a link has ended, for people: the peer's own words, if it left any. */
export function closeReason(code: number, reason: Buffer): string {
  if (code === NO_CLOSE_FRAME) return "connection lost";
  // The text is the peer's and may be shown in a terminal.
  const text = reason.toString().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  return text === "" ? "closed by peer" : `closed by peer: ${text}`;
}

/** As much of a reason as fits into a close frame: 123 bytes. */
export function closeText(reason: string): string {
  let text = "";
  for (const character of reason) {
    if (Buffer.byteLength(text + character) > 123) break;
    text += character;
  }
  return text;
}

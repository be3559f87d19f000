import { TrainerError } from "../base/errors.ts";

/** Who was computing what, and where. */
export interface NativeSite {
  /** The engine's name on the command line. */
  readonly engine: string;
  /** The native library, with its version. */
  readonly runtime: string;
  readonly device: string;
  /** For people, for example "the gradient of 8 x 128 tokens". */
  readonly computes: string;
}

/** Native libraries may list every tensor that they hold. */
const REASON_MAX = 400;

/** The expected failure, ERR_ENGINE, that something thrown by a native library is: it may be out of memory. */
export function nativeFailure(
  cause: unknown,
  { engine, runtime, device, computes }: NativeSite,
): TrainerError {
  const otherwise =
    device === "cpu"
      ? "another --engine may do it, and `smallinit doctor` says which work here"
      : "use --device cpu";
  return new TrainerError(
    "ERR_ENGINE",
    `The engine ${engine} (${runtime}) failed on ${device} at ${computes}: ${reasonOf(cause)}. Where memory is ` +
      `the reason, a smaller microBatchSize needs less; else ${otherwise}.`,
    { cause },
  );
}

/** What a native library says, without the places in its source that ONNX Runtime begins with. */
export function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const sentences = text.trim().split(" was false. ");
  const reason = (sentences.at(-1) ?? text).replaceAll(/\s+/g, " ").replace(/\.$/, "");
  return reason.length > REASON_MAX ? `${reason.slice(0, REASON_MAX)} ...` : reason;
}

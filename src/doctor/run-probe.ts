import { fork } from "node:child_process";
import { TrainerError } from "../base/errors.ts";

/** A probe that runs in a process of its own. */
export interface ProbeOptions<Request> {
  /** Name for the message of a failure, for example "the engine onnx". */
  readonly name: string;
  /** The process's program: takes one request, answers once. */
  readonly program: URL;
  readonly request: Request;
  readonly timeoutMs: number;
}

/** What a probe's process answers. */
export type ProbeAnswer<Result> = { readonly result: Result } | { readonly why: string };

/**
 * Runs a probe in a process of its own: a native library that cannot work on this machine may end the
 * process that loads it, or never return.
 *
 * @throws {TrainerError} ERR_ENGINE when the probe says why it failed, ends without an answer, or takes
 *   longer than `timeoutMs`.
 */
export function runProbe<Request extends object, Result>(
  options: ProbeOptions<Request>,
): Promise<Result> {
  const { name, program, request, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    // What a library prints is no part of the report; the last of it explains a crash.
    const child = fork(program, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-2000);
    });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`did not answer within ${timeoutMs / 1000} s`);
    }, timeoutMs);
    function fail(what: string): void {
      clearTimeout(timer);
      reject(new TrainerError("ERR_ENGINE", `${name} ${what}.`));
    }
    child.on("error", (error) => fail(`could not start: ${error.message}`));
    child.once("close", (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by the signal ${signal}`;
      const said = lastLine(stderr);
      fail(`ended its process ${how}${said === "" ? "" : `: ${said}`}`);
    });
    child.once("message", (answer) => {
      clearTimeout(timer);
      // Nothing more is wanted of it, and some native libraries hang when they are unloaded.
      child.kill("SIGKILL");
      // Our own program on the other side, of the same version: no stranger's bytes.
      const checked = answer as ProbeAnswer<Result>;
      if ("why" in checked) reject(new TrainerError("ERR_ENGINE", checked.why));
      else resolve(checked.result);
    });
    // A process that ended before it took the request says more by its end.
    child.send(request, () => undefined);
  });
}

/** The other side of `runProbe`: answers one request, and lets the process end. */
export function answerProbe<Request, Result>(probe: (request: Request) => Promise<Result>): void {
  process.once("message", async (request) => {
    const answer: ProbeAnswer<Result> = await probe(request as Request).then(
      (result) => ({ result }),
      (error: unknown) => ({ why: firstLine(error) }),
    );
    process.send?.(answer, () => process.disconnect());
  });
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? "";
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

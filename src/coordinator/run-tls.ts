import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { TrainerError } from "../base/errors.ts";
import { systemFiles } from "../base/file-layer.ts";
import { systemCode } from "../base/write-error.ts";
import { type Credentials, checkCredentials } from "../transport/credentials.ts";
import { selfSigned } from "../transport/self-signed.ts";

/** How a run's coordinator shows who it is: a certificate of its own, or one from files. */
export type TlsChoice =
  | { readonly type: "self" }
  /** Paths of PEM files. */
  | { readonly type: "files"; readonly certificate: string; readonly key: string };

/** What a run listens with, and what its folder keeps of it. */
export interface RunTls {
  readonly credentials: Credentials;
  /** Keeps it in the run folder, for a resumed run: its workers have pinned the certificate. */
  save(): Promise<void>;
}

/** In the run folder, for its owner alone: it may hold a private key. */
const FILE = "tls.json";

/**
 * The certificate of a run: that of `choice`; without one, that of the run's former start, if any.
 *
 * A run that made its own keeps it however often it is resumed.
 *
 * @returns undefined when the run listens without TLS.
 * @throws {TrainerError} ERR_TLS when files cannot be read, or do not belong together.
 */
export async function openRunTls(
  runFolder: string,
  choice: TlsChoice | undefined,
  isResume: boolean,
): Promise<RunTls | undefined> {
  const former = isResume ? await readKept(join(runFolder, FILE)) : undefined;
  const isFormer = choice === undefined || (choice.type === "self" && former?.key !== undefined);
  const kept = isFormer ? former : asKept(choice);
  if (kept === undefined) return undefined;
  return {
    credentials: await credentialsOf(kept),
    save: () =>
      writeFileAtomically(join(runFolder, FILE), `${JSON.stringify(kept)}\n`, systemFiles, 0o600),
  };
}

/** What the file holds: PEM, or where PEM lies. */
type Kept =
  | { readonly certificate: string; readonly key: string }
  | { readonly certificateFile: string; readonly keyFile: string; readonly key?: never };

function asKept(choice: TlsChoice): Kept {
  if (choice.type === "self") return selfSigned();
  return { certificateFile: resolve(choice.certificate), keyFile: resolve(choice.key) };
}

async function credentialsOf(kept: Kept): Promise<Credentials> {
  if (kept.key !== undefined) {
    checkCredentials(kept, `The run's ${FILE}`);
    return kept;
  }
  const { certificateFile, keyFile } = kept;
  const [certificate, key] = await Promise.all([readPem(certificateFile), readPem(keyFile)]);
  checkCredentials({ certificate, key }, `${certificateFile} and ${keyFile}`);
  return { certificate, key };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const why = systemCode(cause) ?? String(cause);
    const message = `Cannot read ${path} (${why}). Give PEM files to --tls-cert and --tls-key.`;
    throw new TrainerError("ERR_TLS", message, { cause });
  }
}

async function readKept(path: string): Promise<Kept | undefined> {
  let content: Readonly<Record<string, unknown>>;
  try {
    content = { ...JSON.parse(await readFile(path, "utf8")) };
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw damaged(path, cause);
  }
  const { certificate, key, certificateFile, keyFile } = content;
  if (typeof certificate === "string" && typeof key === "string") return { certificate, key };
  if (typeof certificateFile === "string" && typeof keyFile === "string") {
    return { certificateFile, keyFile };
  }
  throw damaged(path);
}

function damaged(path: string, cause?: unknown): TrainerError {
  const message =
    `${path} is not what a run keeps of its certificate. Remove it and give --tls or --tls-cert ` +
    "again; workers need the new join URL then.";
  return new TrainerError("ERR_TLS", message, { cause });
}

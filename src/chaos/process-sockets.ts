import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** A TCP socket of a process. */
export interface ProcessSocket {
  readonly localPort: number;
  /** 0 when it listens. */
  readonly remotePort: number;
}

/**
 * The TCP sockets of a process of this machine, as Linux tells them; none on other systems, or when
 * the process is gone.
 *
 * A relay learns from it who calls and where to pass on to, so that the processes under test need no
 * word about being tested.
 */
export async function processSockets(
  processId: number,
  procFolder = "/proc",
): Promise<readonly ProcessSocket[]> {
  const inodes = await socketInodes(join(procFolder, String(processId), "fd"));
  if (inodes.size === 0) return [];
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(join(procFolder, "net", name), "utf8").catch(() => "")),
  );
  return tables
    .flatMap(parseSocketTable)
    .filter(({ inode }) => inodes.has(inode))
    .map(({ localPort, remotePort }) => ({ localPort, remotePort }));
}

async function socketInodes(folder: string): Promise<ReadonlySet<string>> {
  // A descriptor may be closed between the two readings.
  const names = await readdir(folder).catch(() => []);
  const targets = await Promise.all(
    names.map((name) => readlink(join(folder, name)).catch(() => "")),
  );
  return new Set(
    targets.flatMap((target) => /^socket:\[(?<inode>\d+)\]$/.exec(target)?.groups?.inode ?? []),
  );
}

/** Reads /proc/net/tcp: a header, then lines whose addresses are HOST:PORT in hexadecimal. */
export function parseSocketTable(
  text: string,
): readonly (ProcessSocket & { readonly inode: string })[] {
  return text.split("\n").flatMap((line) => {
    const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
    const [localPort, remotePort] = [portOf(local), portOf(remote)];
    if (localPort === undefined || remotePort === undefined || inode === undefined) return [];
    return [{ localPort, remotePort, inode }];
  });
}

function portOf(address: string | undefined): number | undefined {
  const hexadecimal = /^[0-9A-F]+:(?<port>[0-9A-F]{4})$/.exec(address ?? "")?.groups?.port;
  return hexadecimal === undefined ? undefined : Number.parseInt(hexadecimal, 16);
}

import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Log } from "../base/log.ts";
import { codeOf } from "./code-of.ts";
import { SLOT_FILE_BYTES, SlotFile } from "./slot-file.ts";

/** A file that was made for one link; it has a name until it is taken or withdrawn. */
export interface SlotOffer {
  /** "NAME NONCE", for the other end: the file's name, and what must stand at its start. */
  readonly text: string;
  /** The other end has it open: nobody else shall find it. */
  take(): SlotFile;
  /** The other end does not want it. */
  withdraw(): void;
}

/** Where files in memory are to be kept. */
export interface SlotFolderOptions {
  /** Told when there is no such place or it is full, and which links share memory. */
  readonly log: Log;
  /** A folder of a file system in memory, for all users; default /dev/shm. */
  readonly parent?: string;
}

/** Where Linux keeps files in memory that processes share. */
const SHARED_MEMORY = "/dev/shm";

/** The type of a file system in memory, from linux/magic.h. */
const TMPFS_MAGIC = 0x01021994;

const NONCE_BYTES = 32;
const OFFER = /^([0-9a-f]{32}) ([0-9a-f]{64})$/;

/** No handshake takes so long: an older file is left over from a process that was killed in one. */
const LEFT_OVER_MS = 10 * 60_000;

/**
 * Where processes of one user on one machine find the files that carry their links' payloads.
 *
 * The folder is the user's alone; a file has a name for the length of a handshake. Who is told a name
 * by a peer opens it only if it follows the pattern, is a plain file of the same user, has the size
 * that it must have and begins with the nonce that the peer knows.
 */
export class SlotFolder {
  /** Of those who use it: told what goes through memory, and what cannot. */
  readonly log: Log;
  readonly #path: string;

  private constructor(path: string, log: Log) {
    this.#path = path;
    this.log = log;
  }

  /**
   * Opens this user's folder; undefined, and the log says why, when there is none to be had: not Linux,
   * no file system in memory, a folder that somebody else made.
   */
  static open({ log, parent = SHARED_MEMORY }: SlotFolderOptions): SlotFolder | undefined {
    const opened = openFolder(parent);
    if (opened.why === undefined) return new SlotFolder(opened.path, log);
    log.info(`Links use sockets alone: ${opened.why}.`);
    return undefined;
  }

  /** Makes a file for a link that is about to be opened; undefined when it cannot be made now. */
  make(): SlotOffer | undefined {
    const name = randomBytes(16).toString("hex");
    const path = join(this.#path, name);
    const nonce = randomBytes(NONCE_BYTES);
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    let descriptor: number | undefined;
    try {
      descriptor = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      writeSync(descriptor, nonce, 0, NONCE_BYTES, 0);
      ftruncateSync(descriptor, SLOT_FILE_BYTES);
      this.#sweep(fstatSync(descriptor).mtimeMs - LEFT_OVER_MS);
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor);
      rmSync(path, { force: true });
      // Full, or the folder was removed: sockets do without.
      this.log.warn(`No shared memory for a link: ${codeOf(error)} in ${this.#path}.`);
      return undefined;
    }
    const file = new SlotFile(descriptor, "maker");
    const unlink = () => rmSync(path, { force: true });
    return {
      text: `${name} ${nonce.toString("hex")}`,
      take() {
        unlink();
        return file;
      },
      withdraw() {
        unlink();
        file.close();
      },
    };
  }

  /** Opens the file that a peer offers; undefined when it is not on this machine, or not to be trusted. */
  find(offer: string): SlotFile | undefined {
    const [, name, nonce] = OFFER.exec(offer) ?? [];
    if (name === undefined || nonce === undefined) return undefined;
    const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
    let descriptor: number;
    try {
      // Without waiting, whatever it is: a pipe of that name would block until somebody writes.
      descriptor = openSync(join(this.#path, name), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    } catch {
      // Mostly that the peer is on another machine, where its file is.
      return undefined;
    }
    if (isOffered(descriptor, nonce)) return new SlotFile(descriptor, "finder");
    closeSync(descriptor);
    return undefined;
  }

  /** Removes files whose makers died before the name was taken away. */
  #sweep(beforeMs: number): void {
    for (const name of readdirSync(this.#path)) {
      const path = join(this.#path, name);
      // Another process may have removed it meanwhile.
      if ((lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? beforeMs) < beforeMs) {
        rmSync(path, { force: true });
      }
    }
  }
}

type OpenedFolder = { readonly path: string; readonly why?: undefined } | { readonly why: string };

function openFolder(parent: string): OpenedFolder {
  const userId = process.getuid?.();
  if (userId === undefined) return { why: `there is no ${parent} on ${process.platform}` };
  const path = join(parent, `smallinit-${userId}`);
  try {
    if (statfsSync(parent).type !== TMPFS_MAGIC) return { why: `${parent} is not in memory` };
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(path);
    const isOurs = uid === userId && (mode & constants.S_IFMT) === constants.S_IFDIR;
    return isOurs && (mode & 0o077) === 0 ? { path } : { why: `${path} is not this user's alone` };
  } catch (error) {
    return { why: `${path}: ${codeOf(error)}` };
  }
}

function isOffered(descriptor: number, nonce: string): boolean {
  const stat = fstatSync(descriptor);
  if (!stat.isFile() || stat.uid !== process.getuid?.() || stat.size !== SLOT_FILE_BYTES) {
    return false;
  }
  const found = Buffer.alloc(NONCE_BYTES);
  const numBytes = readSync(descriptor, found, 0, NONCE_BYTES, 0);
  return numBytes === NONCE_BYTES && found.toString("hex") === nonce;
}

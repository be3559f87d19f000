import type { Link } from "../../src/protocol/link.ts";
import { type Credentials, pinOf } from "../../src/transport/credentials.ts";
import { dial } from "../../src/transport/dial.ts";
import { type Listener, type ListenOptions, listen } from "../../src/transport/listen.ts";
import { ownSlotFolder } from "./slot-folder-here.ts";

/** Two ends of a link over a loopback socket, and the listener that made one of them. */
export interface SocketPair extends AsyncDisposable {
  /** The end that dialled. */
  readonly near: Link;
  readonly far: Link;
  readonly listener: Listener;
}

/** A link over a real socket; the options go to both ends, who know one another by `tls` if given. */
export async function socketPair({
  tls,
  ...options
}: Pick<ListenOptions, "heartbeat" | "clock" | "slotFolder"> & {
  readonly tls?: Credentials;
} = {}): Promise<SocketPair> {
  let accept: (link: Link) => void = () => undefined;
  const accepted = new Promise<Link>((resolve) => {
    accept = resolve;
  });
  const host = "127.0.0.1";
  const secure = tls === undefined ? {} : { tls };
  const listener = await listen({ ...options, ...secure, host, port: 0, onLink: accept });
  const fingerprint = tls === undefined ? undefined : pinOf(tls);
  const pin = fingerprint === undefined ? {} : { fingerprint };
  const near = await dial({ ...options, ...pin, host, port: listener.port });
  const far = await accepted;
  return { near, far, listener, [Symbol.asyncDispose]: () => listener.close() };
}

/** A link whose payloads go through memory; needs `hasSharedMemory`. */
export async function slotPair(): Promise<SocketPair> {
  const own = ownSlotFolder();
  const pair = await socketPair({ slotFolder: own.slotFolder });
  own[Symbol.dispose]();
  return pair;
}

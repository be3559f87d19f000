import type { Link } from "../../src/protocol/link.ts";
import { dial } from "../../src/transport/dial.ts";
import { type Listener, type ListenOptions, listen } from "../../src/transport/listen.ts";

/** Two ends of a link over a loopback socket, and the listener that made one of them. */
export interface SocketPair extends AsyncDisposable {
  /** The end that dialled. */
  readonly near: Link;
  readonly far: Link;
  readonly listener: Listener;
}

/** A link over a real socket; the options go to both ends. */
export async function socketPair(
  options: Pick<ListenOptions, "heartbeat" | "clock"> = {},
): Promise<SocketPair> {
  let accept: (link: Link) => void = () => undefined;
  const accepted = new Promise<Link>((resolve) => {
    accept = resolve;
  });
  const listener = await listen({ ...options, host: "127.0.0.1", port: 0, onLink: accept });
  const near = await dial({ ...options, host: "127.0.0.1", port: listener.port });
  const far = await accepted;
  return { near, far, listener, [Symbol.asyncDispose]: () => listener.close() };
}

import { execFileSync } from "node:child_process";

/** A host of its own on the kernel's word: interfaces, addresses and routes apart from this machine's. */
export interface NetworkHost {
  /** The name of its namespace. */
  readonly name: string;
  readonly address: string;
}

/** Some hosts on one switch. */
export interface HostNetwork extends Disposable {
  readonly hosts: readonly NetworkHost[];
  /** The command that runs another on a host. */
  on(host: NetworkHost): readonly string[];
  /** Pulls a host's cable. */
  cut(host: NetworkHost): void;
  /** Plugs it in again. */
  mend(host: NetworkHost): void;
}

/** Whether this process may make network namespaces, with iproute2. */
export function canMakeNamespaces(): boolean {
  const name = `smallinit-try-${process.pid}`;
  try {
    ip("netns", "add", name);
    ip("link", "add", `si${process.pid}t`, "type", "bridge");
    ip("link", "del", `si${process.pid}t`);
    ip("netns", "del", name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes hosts 10.77.0.1, .2 and so on, each in a namespace, on a switch in one more: nothing of it
 * touches this machine's own network.
 */
export function makeHosts(numHosts: number): HostNetwork {
  const prefix = `smallinit-${process.pid}`;
  const lan = `${prefix}-lan`;
  const hosts = Array.from({ length: numHosts }, (_, i) => ({
    ...{ name: `${prefix}-h${i}`, address: `10.77.0.${i + 1}` },
  }));
  ip("netns", "add", lan);
  ip("-n", lan, "link", "add", "switch", "type", "bridge");
  ip("-n", lan, "link", "set", "switch", "up");
  hosts.forEach(({ name, address }, i) => {
    ip("netns", "add", name);
    const cable = [
      "link",
      "add",
      `port${i}`,
      "type",
      "veth",
      "peer",
      "name",
      "lan0",
      "netns",
      name,
    ];
    ip("-n", lan, ...cable);
    ip("-n", lan, "link", "set", `port${i}`, "master", "switch", "up");
    ip("-n", name, "address", "add", `${address}/24`, "dev", "lan0");
    ip("-n", name, "link", "set", "lan0", "up");
    ip("-n", name, "link", "set", "lo", "up");
    // A second interface that leads nowhere, to be advertised by mistake.
    ip("-n", name, "link", "add", "lonely0", "type", "bridge");
    ip("-n", name, "address", "add", `10.78.${i}.1/24`, "dev", "lonely0");
    ip("-n", name, "link", "set", "lonely0", "up");
  });
  const set = (host: NetworkHost, state: "up" | "down") =>
    ip("-n", lan, "link", "set", `port${hosts.indexOf(host)}`, state);
  return {
    hosts,
    on: ({ name }) => ["ip", "netns", "exec", name],
    cut: (host) => set(host, "down"),
    mend: (host) => set(host, "up"),
    [Symbol.dispose]() {
      for (const { name } of hosts) ip("netns", "del", name);
      ip("netns", "del", lan);
    },
  };
}

function ip(...args: readonly string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}

import { MAX_WORKERS } from "../protocol/limits.ts";
import { type Hello, type PeerAddress, PROTOCOL_VERSION } from "../protocol/messages.ts";
import { isLoopback } from "../transport/loopback.ts";
import type { RunState } from "./run-state.ts";

/** Why a worker is not taken, whose peers would dial `address`; undefined when it is. */
export function refusalOf(
  state: RunState,
  hello: Hello,
  address: PeerAddress | undefined,
): { readonly code: string; readonly message: string } | undefined {
  if (hello.protocolVersion !== PROTOCOL_VERSION) {
    return {
      code: "ERR_PROTOCOL_VERSION",
      message:
        `The worker speaks protocol ${hello.protocolVersion} (smallinit ${hello.packageVersion}), ` +
        `the coordinator protocol ${PROTOCOL_VERSION}. Install the same version on both hosts.`,
    };
  }
  if (state.phase.type === "ended" || state.ending !== undefined) {
    return { code: "ERR_RUN_ENDED", message: "The run is ending; no more workers are taken." };
  }
  if (hello.held !== undefined && hello.held.runId !== state.plan.runId) {
    return {
      code: "ERR_RUN_ENDED",
      message:
        "The run whose state this worker holds is over: this is another one, or the same with other " +
        "settings. Start the worker again.",
    };
  }
  if (state.workers.size >= MAX_WORKERS) {
    return {
      code: "ERR_FLEET_FULL",
      message: `The fleet has ${state.workers.size} workers; the limit is ${MAX_WORKERS}.`,
    };
  }
  if (state.plan.allReduce === "mesh" && hello.peerPort === 0) {
    return {
      code: "ERR_PEER_PORT",
      message:
        "The worker does not listen for its peers. Let it listen, or set allReduce=star, which " +
        "sends gradients through the coordinator.",
    };
  }
  return state.plan.allReduce === "mesh" ? apartFrom(state, address) : undefined;
}

/** A worker on this host's loopback and one elsewhere cannot reach one another. */
function apartFrom(
  { workers }: RunState,
  address: PeerAddress | undefined,
): { readonly code: string; readonly message: string } | undefined {
  if (address === undefined) return undefined;
  const isLocal = isLoopback(address.host);
  const other = [...workers.values()].find(
    (worker) => worker.address !== undefined && isLoopback(worker.address.host) !== isLocal,
  );
  if (other === undefined) return undefined;
  const [local, remote] = isLocal ? ["This worker", other.name] : [other.name, "this worker"];
  const message =
    `${local} came by the coordinator's loopback, where ${remote}, on another host, cannot reach it. Start ` +
    "the one on loopback with the URL that the coordinator printed, or with --advertise HOST; with " +
    "`--set allReduce=star` workers need not reach one another.";
  return { code: "ERR_PEER_PORT", message };
}

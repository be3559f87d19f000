import { MAX_WORKERS } from "../protocol/limits.ts";
import { type Hello, PROTOCOL_VERSION } from "../protocol/messages.ts";
import type { RunState } from "./run-state.ts";

/** Why a worker is not taken; undefined when it is. */
export function refusalOf(
  state: RunState,
  hello: Hello,
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
  return undefined;
}

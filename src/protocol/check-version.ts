import { TrainerError } from "../base/errors.ts";
import { PROTOCOL_VERSION } from "./messages.ts";

/**
 * Holds that a first message (`hello`, `peer-hello`) speaks our version of the protocol.
 *
 * @param sender for the message, for example "host-b/4711 (smallinit 0.2.0)".
 * @throws {TrainerError} ERR_PROTOCOL_VERSION with a hint; send it back as `reject`.
 */
export function checkVersion(protocolVersion: number, sender: string): void {
  if (protocolVersion === PROTOCOL_VERSION) return;
  throw new TrainerError(
    "ERR_PROTOCOL_VERSION",
    `${sender} speaks version ${protocolVersion} of the protocol, this side version ` +
      `${PROTOCOL_VERSION}. Install the same version of smallinit on both.`,
  );
}

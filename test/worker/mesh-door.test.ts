import { describe, expect, test } from "vitest";
import type { Link } from "../../src/protocol/link.ts";
import type { PeerAddress } from "../../src/protocol/messages.ts";
import { formatJoinUrl } from "../../src/transport/join-url.ts";
import { type MeshDoor, openMeshDoor } from "../../src/worker/mesh-door.ts";

const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };

/** A door of a worker whose coordinator is on this machine. */
function doorOf(isSecure: boolean, onLink: (link: Link) => void = (link) => link.listen(deaf)) {
  const url = formatJoinUrl({ host: "127.0.0.1", port: 7117, isSecure });
  return openMeshDoor({ url, isNetworkTrusted: false, onLink });
}

/** What `form` says of a door. */
function addressOf({ place }: MeshDoor): PeerAddress {
  const { peerPort: port, peerFingerprint: fingerprint } = place;
  return { host: "127.0.0.1", port, ...(fingerprint === undefined ? {} : { fingerprint }) };
}

describe.each([
  ["without TLS", false],
  ["with TLS", true],
])("a worker's door to its peers, %s", (_name, isSecure) => {
  test("lets nobody in before the run's secret is known, then those who know it", async () => {
    const [door, peer] = [await doorOf(isSecure), await doorOf(isSecure)];
    peer.admit("secret-of-the-run");
    const tooEarly = peer.dialPeer(addressOf(door), "worker 0");
    await expect(tooEarly).rejects.toMatchObject({ code: "ERR_PEER_LOST" });
    door.admit("secret-of-the-run");
    const link = await peer.dialPeer(addressOf(door), "worker 0");
    link.listen(deaf);
    expect(link.label).toBe("worker 0");
    peer.admit("secret-of-another-run");
    const stranger = peer.dialPeer(addressOf(door), "worker 0");
    await expect(stranger).rejects.toMatchObject({ code: "ERR_PEER_LOST" });
    await Promise.all([door.close(), peer.close()]);
  });

  test("says by name which address of a peer is wrong, and what to pass", async () => {
    const door = await doorOf(isSecure);
    const gone = await doorOf(isSecure);
    await gone.close();
    const { port } = addressOf(gone);
    await expect(door.dialPeer(addressOf(gone), "worker 3")).rejects.toMatchObject({
      code: "ERR_PEER_LOST",
      message: expect.stringMatching(
        `worker 3 cannot be reached by its peers at 127\\.0\\.0\\.1:${port} .*ECONNREFUSED.* ` +
          "--advertise HOST or --interface NAME",
      ),
    });
    await door.close();
  });
});

describe("with TLS", () => {
  test("a peer that shows another certificate is not talked to", async () => {
    const [door, other, peer] = [await doorOf(true), await doorOf(true), await doorOf(true)];
    for (const each of [door, other, peer]) each.admit("secret-of-the-run");
    const { fingerprint } = addressOf(other);
    const address = { ...addressOf(door), ...(fingerprint === undefined ? {} : { fingerprint }) };
    await expect(peer.dialPeer(address, "worker 0")).rejects.toMatchObject({
      code: "ERR_CERTIFICATE",
    });
    await Promise.all([door.close(), other.close(), peer.close()]);
  });

  test("a peer without TLS is not talked to", async () => {
    const [door, peer] = [await doorOf(false), await doorOf(true)];
    for (const each of [door, peer]) each.admit("secret-of-the-run");
    await expect(peer.dialPeer(addressOf(door), "worker 0")).rejects.toMatchObject({
      code: "ERR_PEER_LOST",
      message: expect.stringContaining("speaks no TLS, but this worker joined with TLS"),
    });
    await Promise.all([door.close(), peer.close()]);
  });
});

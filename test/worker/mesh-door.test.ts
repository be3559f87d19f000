import { describe, expect, test } from "vitest";
import type { Link } from "../../src/protocol/link.ts";
import type { PeerAddress } from "../../src/protocol/messages.ts";
import { formatJoinUrl } from "../../src/transport/join-url.ts";
import { type MeshDoor, type MeshPlace, openMeshDoor } from "../../src/worker/mesh-door.ts";

const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };

/** A door of a worker whose coordinator is on this machine. */
function doorOf(isSecure: boolean, place: MeshPlace = {}, host = "127.0.0.1") {
  const url = formatJoinUrl({ host, port: 7117, isSecure });
  const onLink = (link: Link) => link.listen(deaf);
  return openMeshDoor({ url, isNetworkTrusted: false, place, onLink });
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

describe("a worker tells its peers", () => {
  /** What the user says, how the coordinator is reached, and the host that peers are told. */
  const places: readonly (readonly [string, MeshPlace, string, string | undefined])[] = [
    ["loopback, beside a coordinator there", {}, "localhost", "127.0.0.1"],
    ["loopback, whichever kind the coordinator is reached by", {}, "::1", "127.0.0.1"],
    ["nothing of a coordinator elsewhere: it sees where we are", {}, "10.0.0.5", undefined],
    [
      "what it is told to advertise, also through a tunnel on loopback",
      { advertise: { host: "host-b" } },
      "127.0.0.1",
      "host-b",
    ],
    ["the address of its interface", { interfaceAddress: "127.0.0.2" }, "10.0.0.5", "127.0.0.2"],
    [
      "what it is told to advertise rather than its interface",
      { interfaceAddress: "127.0.0.2", advertise: { host: "host-b" } },
      "10.0.0.5",
      "host-b",
    ],
  ];
  test.each(places)("%s", async (_name, place, coordinatorHost, peerHost) => {
    const door = await doorOf(false, place, coordinatorHost);
    expect(door.place.peerHost).toBe(peerHost);
    await door.close();
  });

  test("the port that it is told to advertise, and listens there", async () => {
    const free = await doorOf(false);
    const { port } = addressOf(free);
    await free.close();
    const door = await doorOf(false, { advertise: { host: "127.0.0.1", port } });
    const peer = await doorOf(false);
    for (const each of [door, peer]) each.admit("secret-of-the-run");
    const link = await peer.dialPeer({ host: "127.0.0.1", port }, "worker 0");
    link.listen(deaf);
    await Promise.all([door.close(), peer.close()]);
  });
});

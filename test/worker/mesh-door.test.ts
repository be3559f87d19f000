import { describe, expect, test } from "vitest";
import type { Link } from "../../src/protocol/link.ts";
import type { PeerAddress } from "../../src/protocol/messages.ts";
import { formatJoinUrl } from "../../src/transport/join-url.ts";
import { type MeshDoor, type MeshPlace, openMeshDoor } from "../../src/worker/mesh-door.ts";

const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };

interface DoorOfOptions {
  readonly place?: MeshPlace;
  /** Of the coordinator. */
  readonly host?: string;
  readonly joinToken?: string;
}

/** A door of a worker whose coordinator is on this machine, unless it is elsewhere. */
function doorOf(isSecure: boolean, options: DoorOfOptions = {}) {
  const { place = {}, host = "127.0.0.1", joinToken } = options;
  const token = joinToken === undefined ? {} : { token: joinToken };
  const url = formatJoinUrl({ host, port: 7117, isSecure, ...token });
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
    peer.admit("secret-of-the-run", 1);
    const tooEarly = peer.dialPeer(addressOf(door), 0);
    await expect(tooEarly).rejects.toMatchObject({ code: "ERR_PEER_LOST" });
    door.admit("secret-of-the-run", 0);
    const link = await peer.dialPeer(addressOf(door), 0);
    link.listen(deaf);
    expect(link.label).toBe("worker 0");
    peer.admit("secret-of-another-run", 1);
    const stranger = peer.dialPeer(addressOf(door), 0);
    await expect(stranger).rejects.toMatchObject({
      code: "ERR_PEER_LOST",
      message: expect.stringMatching(
        /^What listens at 127\.0\.0\.1:\d+ is not worker 0 of this run: the two do not hold the same/,
      ),
    });
    await Promise.all([door.close(), peer.close()]);
  });

  test("lets no caller in who meant another worker", async () => {
    const [door, peer] = [await doorOf(isSecure), await doorOf(isSecure)];
    [door, peer].forEach((each, i) => void each.admit("secret-of-the-run", i));
    await expect(peer.dialPeer(addressOf(door), 2)).rejects.toMatchObject({
      code: "ERR_PEER_LOST",
      message: expect.stringContaining("is not worker 2 of this run"),
    });
    await Promise.all([door.close(), peer.close()]);
  });

  test("lets nobody in who read the run's secret on the wire, but has no join token", async () => {
    const door = await doorOf(isSecure, { joinToken: "token" });
    const [eavesdropper, member] = [
      await doorOf(isSecure),
      await doorOf(isSecure, { joinToken: "token" }),
    ];
    [door, eavesdropper, member].forEach((each, i) => void each.admit("secret-of-the-run", i));
    await expect(eavesdropper.dialPeer(addressOf(door), 0)).rejects.toMatchObject({
      code: "ERR_PEER_LOST",
    });
    const link = await member.dialPeer(addressOf(door), 0);
    link.listen(deaf);
    await Promise.all([door.close(), eavesdropper.close(), member.close()]);
  });

  test("says by name which address of a peer is wrong, and what to pass", async () => {
    const door = await doorOf(isSecure);
    const gone = await doorOf(isSecure);
    await gone.close();
    const { port } = addressOf(gone);
    await expect(door.dialPeer(addressOf(gone), 3)).rejects.toMatchObject({
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
    [door, other, peer].forEach((each, i) => void each.admit("secret-of-the-run", i));
    const { fingerprint } = addressOf(other);
    const address = { ...addressOf(door), ...(fingerprint === undefined ? {} : { fingerprint }) };
    await expect(peer.dialPeer(address, 0)).rejects.toMatchObject({
      code: "ERR_CERTIFICATE",
    });
    await Promise.all([door.close(), other.close(), peer.close()]);
  });

  test("a peer without TLS is not talked to", async () => {
    const [door, peer] = [await doorOf(false), await doorOf(true)];
    [door, peer].forEach((each, i) => void each.admit("secret-of-the-run", i));
    await expect(peer.dialPeer(addressOf(door), 0)).rejects.toMatchObject({
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
    const door = await doorOf(false, { place, host: coordinatorHost });
    expect(door.place.peerHost).toBe(peerHost);
    await door.close();
  });

  test("the port that it is told to advertise, and listens there", async () => {
    const free = await doorOf(false);
    const { port } = addressOf(free);
    await free.close();
    const door = await doorOf(false, { place: { advertise: { host: "127.0.0.1", port } } });
    const peer = await doorOf(false);
    [door, peer].forEach((each, i) => void each.admit("secret-of-the-run", i));
    const link = await peer.dialPeer({ host: "127.0.0.1", port }, 0);
    link.listen(deaf);
    await Promise.all([door.close(), peer.close()]);
  });
});

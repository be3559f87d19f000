import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { TrainerError } from "../../src/base/errors.ts";
import type { Link } from "../../src/protocol/link.ts";
import { type Form, PROTOCOL_VERSION } from "../../src/protocol/messages.ts";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";
import { PeerMesh } from "../../src/worker/peer-mesh.ts";
import { FakeClock } from "../fake-clock.ts";
import { memoryLinks, type Post, promptPost } from "../memory-link.ts";

/** The same strings, in any order, none twice. */
const sameAs = (strings: readonly string[]) => ({
  size: strings.length,
  strings: new Set(strings),
});
const FRAME: TensorFrame = {
  ...({ kind: "sum", vector: 0, generation: 1, step: 7, elements: "f32" } as const),
  ...{ offset: 0, lo: 0, hi: 0, payload: new Uint8Array(4) },
};
const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };
const settle = async () => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Some workers, reachable by their id as port. */
class World {
  readonly clock = new FakeClock();
  readonly linked: string[] = [];
  readonly lost: string[] = [];
  readonly frames: string[] = [];
  /** "9 calls 3". */
  readonly calls: string[] = [];
  readonly meshes = new Map<number, PeerMesh>();
  /** One for each call; nothing gets through where somebody is frozen. */
  readonly lines: { isStill: boolean }[] = [];

  add(id: number): PeerMesh {
    const mesh = new PeerMesh({
      clock: this.clock,
      dialPeer: ({ port }, peerId) => this.#dial(port, `worker ${peerId}`, id),
      onFrame: (peerId, { step }) => this.frames.push(`${id} hears ${peerId}: ${step}`),
      onLinked: (generation) => this.linked.push(`${id} in ${generation}`),
      onLost: (generation, peerId) => this.lost.push(`${id} lost ${peerId} in ${generation}`),
    });
    mesh.introduce(id);
    this.meshes.set(id, mesh);
    return mesh;
  }

  form(generation: number, ids: readonly number[]): Form {
    const members = ids.map((workerId) => ({
      ...{ workerId, address: { host: "127.0.0.1", port: workerId } },
    }));
    return { type: "form", generation, step: 0, members };
  }

  /** Tells all these members of the new generation. */
  linkAll(generation: number, ids: readonly number[]): void {
    for (const id of ids) this.meshes.get(id)?.link(this.form(generation, ids));
  }

  async #dial(port: number, label: string, fromId: number): Promise<Link> {
    this.calls.push(`${fromId} calls ${port}`);
    const callee = this.meshes.get(port);
    if (callee === undefined) throw new TrainerError("ERR_CONNECT", "nobody listens there");
    const line: { isStill: boolean } = { isStill: false };
    this.lines.push(line);
    const post: Post = (deliver) => {
      if (!line.isStill) promptPost(deliver);
    };
    const [near, far] = memoryLinks({ labels: [label, `caller ${fromId}`], post });
    callee.accept(far);
    return near;
  }
}

function worldOf(...ids: readonly number[]): World {
  const world = new World();
  for (const id of ids) world.add(id);
  return world;
}

describe("a mesh", () => {
  test("links each member to all others, and each says so once", async () => {
    const world = worldOf(3, 5, 9);
    world.linkAll(1, [3, 5, 9]);
    await settle();
    expect(sameAs(world.linked)).toEqual(sameAs(["3 in 1", "5 in 1", "9 in 1"]));
    for (const [id, mesh] of world.meshes) {
      expect(new Set(mesh.links.keys())).toEqual(new Set([3, 5, 9].filter((peer) => peer !== id)));
    }
  });

  test("calls nobody again when the members change while the call is under way", async () => {
    const world = worldOf(3, 5, 9);
    world.linkAll(1, [3, 5, 9]);
    world.linkAll(2, [3, 5, 9]);
    await settle();
    expect(sameAs(world.calls)).toEqual(sameAs(["5 calls 3", "9 calls 3", "9 calls 5"]));
    expect(sameAs(world.linked)).toEqual(sameAs(["3 in 2", "5 in 2", "9 in 2"]));
    expect(world.lost).toEqual([]);
  });

  test("of one member is linked at once", () => {
    const world = worldOf(4);
    world.linkAll(1, [4]);
    expect(world.linked).toEqual(["4 in 1"]);
  });

  test("keeps its links when others leave, and lets go of those", async () => {
    const world = worldOf(0, 1, 2);
    world.linkAll(1, [0, 1, 2]);
    await settle();
    const kept = world.meshes.get(0)?.links.get(2);
    world.linkAll(2, [0, 2]);
    await settle();
    expect(world.meshes.get(0)?.links.get(2)).toBe(kept);
    expect([...(world.meshes.get(0)?.links.keys() ?? [])]).toEqual([2]);
    expect(sameAs(world.linked.slice(3))).toEqual(sameAs(["0 in 2", "2 in 2"]));
    // A peer that left the fleet on purpose is not lost.
    expect(world.lost.filter((one) => one.endsWith("in 2"))).toEqual([]);
  });

  test("lets go at once of frames that wait for a frozen member, when that is none any more", async () => {
    const world = worldOf(0, 1, 2);
    world.linkAll(1, [0, 1, 2]);
    await settle();
    for (const line of world.lines) line.isStill = true;
    const mesh = defined(world.meshes.get(0), "the mesh");
    const left: string[] = [];
    const link = defined(mesh.links.get(1), "the link");
    void link.sendTensor(FRAME).then(() => left.push("left, or dropped"));
    await settle();
    expect(left).toEqual([]);
    mesh.link(world.form(2, [0, 2]));
    await settle();
    expect(left).toEqual(["left, or dropped"]);
  });

  test("lets go at once of frames in a link that a newer one replaces", async () => {
    const world = worldOf(0, 1);
    world.linkAll(1, [0, 1]);
    await settle();
    const left: string[] = [];
    const mesh = defined(world.meshes.get(0), "the mesh");
    for (const line of world.lines) line.isStill = true;
    const former = defined(mesh.links.get(1), "the link");
    void former.sendTensor(FRAME).then(() => left.push("left, or dropped"));
    world.add(1);
    world.meshes.get(1)?.link(world.form(2, [0, 1]));
    await settle();
    expect(mesh.links.get(1)).not.toBe(former);
    expect(left).toEqual(["left, or dropped"]);
  });

  test("carries frames, told apart by their sender", async () => {
    const world = worldOf(0, 1);
    world.linkAll(1, [0, 1]);
    await settle();
    const link = defined(world.meshes.get(1)?.links.get(0), "the link");
    await link.sendTensor(FRAME);
    expect(world.frames).toEqual(["0 hears 1: 7"]);
  });

  test("reports the member whose link has closed, and links up anew when told to", async () => {
    const world = worldOf(0, 1);
    world.linkAll(1, [0, 1]);
    await settle();
    world.meshes.get(1)?.links.get(0)?.close("cut");
    await settle();
    expect(sameAs(world.lost)).toEqual(sameAs(["0 lost 1 in 1", "1 lost 0 in 1"]));
    world.linkAll(2, [0, 1]);
    await settle();
    expect(sameAs(world.linked.slice(2))).toEqual(sameAs(["0 in 2", "1 in 2"]));
  });

  test("reports the member that answers a call with nothing, in time", async () => {
    const world = worldOf(1);
    const mute = { accept: (link: Link) => link.listen(deaf) };
    world.meshes.set(0, mute as PeerMesh);
    world.meshes.get(1)?.link(world.form(1, [0, 1]));
    await settle();
    world.clock.advance(9_999);
    await settle();
    expect(world.lost).toEqual([]);
    world.clock.advance(1);
    await settle();
    expect(world.lost).toEqual(["1 lost 0 in 1"]);
  });

  test("reports the member that cannot be reached", async () => {
    const world = worldOf(1);
    world.linkAll(1, [0, 1]);
    await settle();
    expect(world.lost).toEqual(["1 lost 0 in 1"]);
  });
});

describe("a caller", () => {
  const hello = { type: "peer-hello", protocolVersion: PROTOCOL_VERSION, workerId: 5 } as const;
  test.each([
    ["of another protocol", { ...hello, protocolVersion: 0 }],
    ["that claims to be ourselves", { ...hello, workerId: 0 }],
    ["that says something else", { type: "finish", reason: "trick" } as const],
  ])("%s is turned away", async (_name, message) => {
    const mesh = worldOf(0).meshes.get(0);
    const [near, far] = memoryLinks();
    let closed: string | undefined;
    near.listen({
      onMessage: () => undefined,
      onTensor: () => undefined,
      onClose: (reason) => {
        closed = reason;
      },
    });
    mesh?.accept(far);
    near.send(message);
    await settle();
    expect(closed).toMatch(/not a member of this run/);
    expect(mesh?.links.size).toBe(0);
  });

  test("that says nothing is turned away in time", async () => {
    const world = worldOf(0);
    const [near, far] = memoryLinks();
    let closed: string | undefined;
    near.listen({
      onMessage: () => undefined,
      onTensor: () => undefined,
      onClose: (reason) => {
        closed = reason;
      },
    });
    world.meshes.get(0)?.accept(far);
    world.clock.advance(10_000);
    await settle();
    expect(closed).toMatch(/said nothing/);
  });
});

import { assert } from "../../src/base/assert.ts";
import type { Random } from "../../src/base/random.ts";
import type { SimulatedMesh } from "./simulated-mesh.ts";

/** A connection between two workers, whatever its ends believe of it. */
export interface PeerLink {
  readonly caller: SimulatedMesh;
  /** The ends' ids at the time of the call. */
  readonly callerId: number;
  readonly calledId: number;
  /** Set once the call was taken. */
  called: SimulatedMesh | undefined;
  /** Whether anything still gets through. */
  isAlive: boolean;
  /** Since when an end of it is frozen, so that the other hears nothing. */
  silentSinceMs: number | undefined;
}

/** Something that a process will see. */
interface Sight {
  readonly mesh: SimulatedMesh;
  /** Not before. */
  readonly atMs: number;
  /** Void once that is not so any more. */
  readonly isStill: () => boolean;
  readonly see: () => void;
}

/** A link is given up after 0.8 s of silence; when exactly, no two ends agree (decision 72). */
const SILENT_MS = 800;
const SILENT_SPREAD_MS = 200;

/** How long a silence lasts until an end gives its link up. */
export const silenceMs = (random: Random) => SILENT_MS + SILENT_SPREAD_MS * random.uniform();

/** After which a call that is not answered has failed. */
const CALL_MS = 10_000;

/** What the network needs of the simulation. */
export interface PeerNetworkOptions {
  readonly random: Random;
  nowMs(): number;
  /** Who answers to a worker's id; undefined: no such process. */
  find(workerId: number): SimulatedMesh | undefined;
}

/** All links between workers, and what their ends will see of them. */
export class PeerNetwork {
  readonly #options: PeerNetworkOptions;
  /** That live. */
  readonly #links = new Set<PeerLink>();
  /** Workers that reach no other, and that no other reaches. */
  readonly #isolated = new Set<SimulatedMesh>();
  #sights: Sight[] = [];

  constructor(options: PeerNetworkOptions) {
    this.#options = options;
  }

  /** Calls a worker: it takes the call, or the caller sees that nobody does. */
  call(caller: SimulatedMesh, calledId: number): PeerLink {
    const link: PeerLink = {
      ...{ caller, callerId: caller.id, calledId, called: undefined },
      ...{ isAlive: true, silentSinceMs: undefined },
    };
    const called = this.#options.find(calledId);
    const isCutOff = this.#isolated.has(caller) || this.#isolated.has(called ?? caller);
    if (called === undefined || isCutOff) {
      link.isAlive = false;
      const [afterMs, reason] = isCutOff ? [CALL_MS, "no answer"] : [0, "connection refused"];
      this.#show(caller, afterMs, () => caller.onClosed(calledId, link, reason));
      return link;
    }
    this.#links.add(link);
    const isOpening = () => link.isAlive && caller.isCalling(calledId, link);
    this.#show(called, 0, () => this.#take(link, called), isOpening);
    this.#show(caller, CALL_MS, () => this.close(link, caller, "no answer"), isOpening);
    return link;
  }

  #take(link: PeerLink, called: SimulatedMesh): void {
    link.called = called;
    called.add(link.callerId, link);
    const { caller, calledId } = link;
    this.#show(
      caller,
      0,
      () => caller.onWelcome(calledId, link),
      () => link.isAlive,
    );
  }

  /** One end gives a link up. The other sees it, if the link still carries that. */
  close(link: PeerLink, end: SimulatedMesh, reason: string): void {
    if (end === link.caller) end.onClosed(link.calledId, link, reason);
    else end.onClosed(link.callerId, link, reason);
    if (!this.#die(link)) return;
    this.#showEnd(link, end === link.caller ? link.called : link.caller, 0, "closed by peer");
  }

  /** A link is gone: both ends see it, each at some time soon. */
  cut(link: PeerLink): void {
    if (!this.#die(link)) return;
    for (const end of [link.caller, link.called]) this.#showEnd(link, end, 0, "connection lost");
  }

  /** A link carries nothing any more: both ends see it by its silence. */
  halfOpen(link: PeerLink): void {
    if (!this.#die(link)) return;
    for (const end of [link.caller, link.called]) {
      this.#showEnd(link, end, silenceMs(this.#options.random), "silent for 1.3 s");
    }
  }

  /** A worker's links to all others carry nothing from now on, and cannot be made again. */
  isolate(mesh: SimulatedMesh): void {
    this.#isolated.add(mesh);
    for (const link of [...this.#links]) {
      if (link.caller === mesh || link.called === mesh) this.halfOpen(link);
    }
  }

  /** Links that both ends have, and whose processes live. */
  get openLinks(): readonly PeerLink[] {
    return [...this.#links].filter(({ caller, called, calledId }) => {
      if (called === undefined || caller.isCalling(calledId)) return false;
      return !caller.process.isFrozen && !called.process.isFrozen;
    });
  }

  /** What processes may see at this moment. */
  possibleSights(): readonly (() => void)[] {
    this.#watchProcesses();
    if (this.#sights.length === 0) return [];
    this.#sights = this.#sights.filter(({ mesh, isStill }) => !mesh.process.isGone && isStill());
    const nowMs = this.#options.nowMs();
    return this.#sights
      .filter(({ mesh, atMs }) => atMs <= nowMs && !mesh.process.isFrozen)
      .map((sight) => () => {
        this.#sights = this.#sights.filter((one) => one !== sight);
        sight.see();
      });
  }

  /** How long until somebody will see something; undefined: nobody will. */
  get untilNextSightMs(): number | undefined {
    const times = this.#sights.filter(({ mesh }) => !mesh.process.isFrozen);
    if (times.length === 0) return undefined;
    return Math.max(0, Math.min(...times.map(({ atMs }) => atMs)) - this.#options.nowMs());
  }

  /** A dead process's links end, and a frozen one's are silent. */
  #watchProcesses(): void {
    for (const link of this.#links) {
      const caller = link.caller.process;
      const called = link.called?.process;
      if (caller.isGone || called?.isGone === true) this.cut(link);
      else if (!caller.isFrozen && called?.isFrozen !== true) link.silentSinceMs = undefined;
      else if (link.silentSinceMs === undefined) this.#noteSilence(link);
    }
  }

  #noteSilence(link: PeerLink): void {
    const sinceMs = this.#options.nowMs();
    link.silentSinceMs = sinceMs;
    const other = link.caller.process.isFrozen ? link.called : link.caller;
    if (other === undefined || other.process.isFrozen) return;
    const isStill = () => link.isAlive && link.silentSinceMs === sinceMs;
    const see = () => this.close(link, other, "silent for 1.3 s");
    this.#show(other, silenceMs(this.#options.random), see, isStill);
  }

  #die(link: PeerLink): boolean {
    const wasAlive = link.isAlive;
    link.isAlive = false;
    this.#links.delete(link);
    return wasAlive;
  }

  #showEnd(link: PeerLink, end: SimulatedMesh | undefined, afterMs: number, reason: string): void {
    if (end === undefined) return;
    const peerId = end === link.caller ? link.calledId : link.callerId;
    const isStill = () => end.has(peerId, link);
    this.#show(end, afterMs, () => end.onClosed(peerId, link, reason), isStill);
  }

  #show(mesh: SimulatedMesh, afterMs: number, see: () => void, isStill = () => true): void {
    assert(afterMs >= 0, "nobody sees what will be");
    this.#sights.push({ mesh, atMs: this.#options.nowMs() + afterMs, isStill, see });
  }
}

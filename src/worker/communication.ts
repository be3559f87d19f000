import { assertNever, defined } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Profiler } from "../base/profiler.ts";
import { COORDINATOR_ID } from "../collective/exchange-plan.ts";
import { attachKernels } from "../kernels/kernels.ts";
import type { Link } from "../protocol/link.ts";
import type { Form, Held, Message, Moment, PeerAddress, Welcome } from "../protocol/messages.ts";
import type { StateVectors } from "../protocol/state-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { CoordinatorLine, type CoordinatorLineOptions } from "./coordinator-line.ts";
import { ExchangeDesk } from "./exchange-desk.ts";
import { LeavingSnapshot, stateIn } from "./leaving-snapshot.ts";
import { PeerMesh } from "./peer-mesh.ts";
import { sendSum } from "./send-sum.ts";
import { StateDesk } from "./state-desk.ts";
import type { MemoryMap, ToCommunication, ToCompute, Told } from "./thread-messages.ts";

/** What the communication thread is made of. */
export interface CommunicationOptions extends Pick<CoordinatorLineOptions, "reconnect" | "say"> {
  /** An open link to the coordinator, on which `hello` has been sent. */
  readonly coordinator: Link;
  dialPeer(address: PeerAddress, peerId: number): Promise<Link>;
  /** What links to peers depend on from now on. */
  onMeshSecret?(secret: string, selfId: number): void;
  readonly clock: Clock;
  /** To the compute thread. */
  tell(message: ToCompute): void;
  /** Nothing more will be said or heard. */
  onEnd(): void;
  /** Told what the parts of an exchange take. */
  readonly profiler?: Profiler;
}

/** The memory that both threads work on, seen from here. */
interface Attached {
  readonly map: MemoryMap;
  readonly desk: ExchangeDesk;
  /** The training state. */
  readonly vectors: StateVectors;
}

/**
 * The thread that talks: all sockets of a worker, its heartbeats and its part in exchanges. It passes
 * on to the compute thread what is to be computed, and decides nothing about the run.
 *
 * Long, since every message of both sides has its place in one of two switches here.
 */
export class Communication {
  readonly #options: CommunicationOptions;
  readonly #mesh: PeerMesh;
  readonly #line: CoordinatorLine;
  readonly #state: StateDesk;
  #welcome: Welcome | undefined;
  #form: Form | undefined;
  #attached: Attached | undefined;
  #attaching: Promise<void> = Promise.resolve();
  /** The snapshot that is on its way to the coordinator. */
  #leaving: LeavingSnapshot | undefined;
  #isOver: boolean = false;

  constructor(options: CommunicationOptions) {
    this.#options = options;
    this.#mesh = new PeerMesh({
      dialPeer: options.dialPeer,
      clock: options.clock,
      onFrame: (peerId, frame) => this.#onPeerFrame(peerId, frame),
      onLinked: (generation) => this.#say({ type: "linked", generation }),
      onLost: (generation, peerId, reason) => {
        this.#attached?.desk.forget(peerId);
        this.#say({ type: "peer-lost", generation, peerId, reason });
      },
    });
    this.#state = new StateDesk({
      onRestoring: () => options.tell({ type: "restoring" }),
      onRestored: (step) => options.tell({ type: "restored", step }),
      onReplayed: (step) => options.tell({ type: "replayed", step }),
    });
    this.#line = new CoordinatorLine({
      ...options,
      first: options.coordinator,
      onMessage: (message) => this.#guarded(() => this.#onMessage(message)),
      onTensor: (frame) => this.#guarded(() => this.#onCoordinatorFrame(frame)),
      onLost: () => this.#guarded(() => this.#onLost()),
      onFailed: (error) => this.fail(error),
    });
    this.#line.open();
  }

  /** The link to the coordinator has ended: the fleet is given up, the state is kept. */
  #onLost(): void {
    this.#form = undefined;
    void this.#attached?.desk.abort();
    this.#mesh.close("the coordinator is lost");
    // Who was not welcome yet has nothing to keep, and nobody who could tell.
    if (this.#welcome === undefined) this.#line.reconnect(undefined);
    else this.#options.tell({ type: "coordinator-lost" });
  }

  /** What the compute thread holds, unless a state was on its way when the link ended. */
  #onHolding(held: Omit<Held, "runId"> | undefined): void {
    if (!this.#line.isLost) return;
    const { isWhole, isSumReplayed } = this.#state;
    const { runId } = defined(this.#welcome, "the welcome before the loss");
    this.#state.forget();
    if (held === undefined || !isWhole) {
      this.#line.reconnect(undefined);
      return;
    }
    const { sumGeneration: _, ...withoutSum } = held;
    this.#line.reconnect({ runId, ...(isSumReplayed ? withoutSum : held) });
  }

  /** Takes a peer that called. */
  accept(link: Link): void {
    this.#mesh.accept(link);
  }

  /** Hears the compute thread. */
  async hear(message: ToCommunication): Promise<void> {
    // Nobody hears that we are prepared before the memory is attached: what follows needs it.
    if (message.type !== "memory") await this.#attaching;
    switch (message.type) {
      case "memory":
        this.#attaching = this.#attach(message);
        return this.#attaching;
      case "send":
        this.#say(this.#withLateFrames(message.message));
        return;
      case "holding":
        this.#onHolding(message.held);
        return;
      case "begin":
        this.#begin(message);
        return;
      case "partial":
        this.#attached?.desk.addPartial(message, message.node, message.byteOffset);
        return;
      case "snapshot":
        await this.#sendSnapshot(message);
        return;
      case "snapshot-copy":
        // What has just left altogether is told of already.
        if (this.#leaving === undefined) return;
        this.#leaving.useCopy(stateIn(message.buffer));
        this.#options.tell({ type: "snapshot-secured" });
        return;
      case "sum":
        await sendSum(this.#line.link, message.step, message.buffer);
        this.#options.tell({ type: "sum-sent", buffer: message.buffer });
        return;
      case "close":
        this.#end(message.reason);
        return;
      default:
        assertNever(message);
    }
  }

  async #sendSnapshot({
    step,
    numRead,
  }: Extract<ToCommunication, { readonly type: "snapshot" }>): Promise<void> {
    const { vectors } = defined(this.#attached, "the memory");
    const { link } = this.#line;
    this.#leaving = new LeavingSnapshot({ step, vectors, numRead });
    await this.#leaving.send(link, () => this.#line.link !== link || this.#line.isLost);
    this.#leaving = undefined;
    this.#options.tell({ type: "snapshot-sent" });
  }

  /** Adds to the compute thread's word on a step what this thread has counted. */
  #withLateFrames(message: Told): Told {
    if (message.type !== "ready") return message;
    const lateFrames = this.#attached?.desk.takeNumLate() ?? 0;
    return lateFrames === 0 ? message : { ...message, lateFrames };
  }

  /** Ends by an error of this thread's own. */
  fail(error: unknown): void {
    if (error instanceof TrainerError) this.#fail(error.code, error.message);
    else throw error;
  }

  #onMessage(message: Message): void {
    switch (message.type) {
      case "welcome":
        this.#checkRun(message);
        this.#welcome = message;
        this.#attached?.desk.beginAgain(message.workerId);
        this.#options.onMeshSecret?.(message.meshSecret, message.workerId);
        this.#mesh.introduce(message.workerId);
        this.#options.tell({ type: "work", message });
        return;
      case "form":
        this.#onForm(message);
        return;
      case "assign":
      case "commit":
      case "evaluate":
      case "send-snapshot":
      case "late-commit":
      case "initialise":
        this.#options.tell({ type: "work", message });
        return;
      case "report-waits":
        this.#reportWaits(message);
        return;
      case "reject":
        this.#fail(message.code, `The coordinator refuses this worker: ${message.message}`);
        return;
      case "finish":
        this.#options.tell({ type: "finished", reason: message.reason });
        this.#end("the run has ended");
        return;
      case "hello":
      case "prepared":
      case "linked":
      case "computed":
      case "ready":
      case "digest":
      case "evaluated":
      case "waiting":
      case "peer-lost":
      case "worker-failed":
      case "peer-hello":
      case "peer-welcome":
        throw new TrainerError(
          "ERR_PROTOCOL",
          `The coordinator sent "${message.type}", which it never says. Check the URL.`,
        );
      default:
        assertNever(message);
    }
  }

  /** A coordinator that we call again may conduct another run by now. */
  #checkRun({ runId }: Welcome): void {
    if (this.#welcome === undefined || this.#welcome.runId === runId) return;
    throw new TrainerError(
      "ERR_COORDINATOR_LOST",
      "The coordinator was lost, and who answers there now conducts another run, or this one with other " +
        "settings. Start this worker again.",
    );
  }

  /** Answered here, since the compute thread may be blocked. */
  #reportWaits({ generation, step }: Moment): void {
    const waits = this.#attached?.desk.waits({ generation, step }) ?? [];
    // The coordinator knows what it owes itself.
    const peers = waits.filter(({ peerId }) => peerId !== COORDINATOR_ID);
    this.#say({ type: "waiting", generation, step, waits: peers });
  }

  #onForm(form: Form): void {
    this.#form = form;
    const { generation } = form;
    const aborted = this.#attached?.desk.abort() ?? Promise.resolve();
    this.#options.tell({ type: "work", message: form });
    void aborted.then(() => this.#options.tell({ type: "let-go", generation }));
    if (this.#attached?.map.allReduce === "star") {
      this.#say({ type: "linked", generation });
    } else {
      this.#mesh.link(form);
    }
  }

  async #attach({ type: _, ...map }: Extract<ToCommunication, { readonly type: "memory" }>) {
    const kernels = await attachKernels(map.memory);
    const selfId = defined(this.#welcome, "the welcome before the memory").workerId;
    const { numParams } = map;
    const { profiler } = this.#options;
    const desk = new ExchangeDesk({
      ...{ selfId, map, kernels, ...(profiler === undefined ? {} : { profiler }) },
      onSummed: (moment) => this.#options.tell({ type: "summed", ...moment }),
      onViolation: (peerId, error) => this.#onViolation(peerId, error),
    });
    const vector = (byteOffset: number) => kernels.view(byteOffset, numParams);
    const vectors: StateVectors = [
      vector(map.parameters),
      vector(map.firstMoments),
      vector(map.secondMoments),
    ];
    this.#attached = { map, desk, vectors };
    this.#guarded(() => this.#state.attach(vectors, kernels.view(map.sum, numParams + 1)));
  }

  #begin({ ranges, ...moment }: Extract<ToCommunication, { readonly type: "begin" }>): void {
    // A new generation may have been formed since: then the compute thread is about to hear of it.
    if (this.#form?.generation !== moment.generation) return;
    const memberIds = this.#form.members.map(({ workerId }) => workerId);
    const { desk, map } = defined(this.#attached, "the memory");
    const links =
      map.allReduce === "mesh"
        ? new Map(this.#mesh.links)
        : new Map([[COORDINATOR_ID, this.#line.link]]);
    // A member's link that has just been lost: the coordinator forms another generation.
    const isWhole = map.allReduce === "star" || links.size >= memberIds.length - 1;
    if (!isWhole) return;
    this.#state.beginExchange();
    desk.begin(moment, ranges, { memberIds, links });
  }

  #onCoordinatorFrame(frame: TensorFrame): void {
    const isOfExchange = frame.kind === "partial" || frame.kind === "sum";
    if (isOfExchange) this.#attached?.desk.receive(COORDINATOR_ID, frame);
    else this.#state.receive(frame);
  }

  #onPeerFrame(peerId: number, frame: TensorFrame): void {
    try {
      this.#attached?.desk.receive(peerId, frame);
    } catch (error) {
      if (!(error instanceof TrainerError)) throw error;
      this.#onViolation(peerId, error);
    }
  }

  #onViolation(peerId: number, error: TrainerError): void {
    if (peerId === COORDINATOR_ID) this.#fail(error.code, error.message);
    else this.#mesh.accuse(peerId, error.message);
  }

  #say(message: Parameters<Link["send"]>[0]): void {
    this.#line.link.send(message);
  }

  #guarded(action: () => void): void {
    if (this.#isOver) return;
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }

  #fail(code: string, message: string): void {
    if (this.#isOver) return;
    this.#options.tell({ type: "failed", code, message });
    this.#end(message);
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#attached?.desk.abort();
    this.#mesh.close(reason);
    this.#line.close(reason);
    this.#options.onEnd();
  }
}

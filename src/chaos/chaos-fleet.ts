import { defined } from "../base/assert.ts";
import type { Fault, Party } from "./chaos-plan.ts";
import { KeptProcess, type ProcessEnd, type ProcessStart } from "./kept-process.ts";
import { processSockets } from "./process-sockets.ts";
import { openTcpRelay, type RelayedConnection, type TcpRelay } from "./tcp-relay.ts";

/** Where a worker's calls go, and where it is called: both through relays. */
export interface WorkerPorts {
  readonly coordinatorPort: number;
  /** What its peers are told to call. */
  readonly peerPort: number;
}

/** What a fleet under chaos is made of. */
export interface ChaosFleetOptions {
  readonly numWorkers: number;
  /** The first start and each later one, which has to go on with the run. */
  startCoordinator(numEarlier: number): ProcessStart;
  startWorker(index: number, ports: WorkerPorts): ProcessStart;
  /** Where the coordinator listens; undefined until it does. */
  coordinatorPort(): number | undefined;
  /** Where the output of a process goes, by its name: "worker-0", "coordinator". */
  logFile(name: string): string;
  /** From the end of a process to its next start. */
  readonly restartMs: number;
}

/** A coordinator and workers on this machine, with a relay in every link, and the faults done to them. */
export class ChaosFleet {
  readonly #options: ChaosFleetOptions;
  readonly #coordinator: KeptProcess;
  readonly #workers: KeptProcess[] = [];
  /** One per worker, towards the coordinator. */
  readonly #uplinks: TcpRelay[] = [];
  /** One per worker, for its peers' calls. */
  readonly #doors: TcpRelay[] = [];
  readonly #thaws = new Set<NodeJS.Timeout>();
  #isCoordinatorHit = false;

  constructor(options: ChaosFleetOptions) {
    this.#options = options;
    this.#coordinator = new KeptProcess({
      start: () => options.startCoordinator(this.#coordinator.numStarts - 1),
      logFile: options.logFile("coordinator"),
      restartMs: options.restartMs,
      // One that ends by itself has something to say: that is the end of the run.
      isWanted: () => {
        const isHit = this.#isCoordinatorHit;
        this.#isCoordinatorHit = false;
        return isHit;
      },
    });
  }

  /** Kept when the coordinator has ended by itself. */
  get ended(): Promise<ProcessEnd> {
    return this.#coordinator.ended;
  }

  get workersAlive(): number {
    return this.#workers.filter((one) => one.processId !== undefined && !one.isFrozen).length;
  }

  get isCoordinatorAlive(): boolean {
    return this.#coordinator.processId !== undefined && !this.#coordinator.isFrozen;
  }

  async start(): Promise<void> {
    const { numWorkers, restartMs, logFile } = this.#options;
    this.#coordinator.start();
    for (let index = 0; index < numWorkers; index++) {
      const uplink = await openTcpRelay(async () => this.#options.coordinatorPort());
      const door = await openTcpRelay(() => this.#listeningPortOf(index));
      this.#uplinks.push(uplink);
      this.#doors.push(door);
      const ports = { coordinatorPort: uplink.port, peerPort: door.port };
      const worker = new KeptProcess({
        start: () => this.#options.startWorker(index, ports),
        logFile: logFile(`worker-${index}`),
        isWanted: ({ code }) => code !== 0,
        restartMs,
      });
      this.#workers.push(worker);
      worker.start();
    }
  }

  /** Gives whether there was something to do it to. */
  async inflict(fault: Fault): Promise<boolean> {
    switch (fault.kind) {
      case "kill":
        if (fault.victim === "coordinator") this.#isCoordinatorHit = true;
        return this.#processOf(fault.victim).signal("SIGKILL");
      case "exit":
        if (fault.victim === "coordinator") this.#isCoordinatorHit = true;
        // The first asks a coordinator for a checkpoint, the second is not to be argued with.
        if (fault.victim === "coordinator") this.#coordinator.signal("SIGINT");
        return this.#processOf(fault.victim).signal("SIGTERM");
      case "freeze":
        return this.#freeze(this.#processOf(fault.victim), fault.forMs);
      case "cut":
      case "half-open": {
        const connections = await this.#connectionsBetween(fault.victim, fault.peer);
        for (const one of connections) {
          if (fault.kind === "cut") one.cut();
          else one.silence();
        }
        return connections.length > 0;
      }
    }
  }

  /** Undefined between its end and its next start. */
  processIdOf(party: Party): number | undefined {
    return this.#processOf(party).processId;
  }

  /** Lets a process that has stopped itself go on. */
  wake(party: Party): void {
    this.#processOf(party).signal("SIGCONT");
  }

  /** All that a party has through the relays. */
  async connectionsOf(party: Party): Promise<readonly RelayedConnection[]> {
    const pairs = this.#workers.flatMap((_, other): readonly (readonly [number, Party])[] => {
      if (party === "coordinator") return [[other, party]];
      return [[party, other === party ? "coordinator" : other]];
    });
    const found = await Promise.all(pairs.map(([a, b]) => this.#connectionsBetween(a, b)));
    return found.flat();
  }

  /** Asks the coordinator to stop the run after a checkpoint. */
  interrupt(): void {
    this.#coordinator.letEnd();
    this.#coordinator.signal("SIGCONT");
    this.#coordinator.signal("SIGINT");
  }

  /**
   * Waits for the workers to end by the coordinator's word; one that missed it, because a fault had
   * just hit it, is asked with SIGTERM.
   *
   * @returns the names of those that ended by neither and had to be killed.
   */
  async close(graceMs: number): Promise<readonly string[]> {
    for (const timer of this.#thaws) clearTimeout(timer);
    this.#coordinator.letEnd();
    this.#coordinator.signal("SIGKILL");
    for (const worker of this.#workers) {
      if (worker.isFrozen) worker.signal("SIGKILL");
      worker.letEnd();
    }
    const left: string[] = [];
    const timers = [
      setTimeout(() => this.#signalWorkers("SIGTERM"), graceMs),
      setTimeout(() => left.push(...this.#signalWorkers("SIGKILL")), 2 * graceMs),
    ];
    await Promise.all([this.#coordinator, ...this.#workers].map((one) => one.ended));
    for (const timer of timers) clearTimeout(timer);
    await Promise.all([...this.#uplinks, ...this.#doors].map((relay) => relay.close()));
    return left;
  }

  /** Gives the names of those that were still there. */
  #signalWorkers(name: "SIGTERM" | "SIGKILL"): readonly string[] {
    return this.#workers.flatMap((worker, index) =>
      worker.signal(name) ? [`worker ${index}`] : [],
    );
  }

  #freeze(victim: KeptProcess, forMs: number): boolean {
    const { processId } = victim;
    if (!victim.signal("SIGSTOP")) return false;
    const timer = setTimeout(() => {
      this.#thaws.delete(timer);
      if (victim.processId === processId) victim.signal("SIGCONT");
    }, forMs);
    this.#thaws.add(timer);
    return true;
  }

  #processOf(party: Party): KeptProcess {
    return party === "coordinator"
      ? this.#coordinator
      : defined(this.#workers[party], `worker ${party}`);
  }

  /** A worker listens on one port: that for its peers. */
  async #listeningPortOf(index: number): Promise<number | undefined> {
    const sockets = await this.#socketsOf(index);
    return sockets.find(({ remotePort }) => remotePort === 0)?.localPort;
  }

  /** Links that workers have through the relays, whoever called whom. */
  async #connectionsBetween(a: number, b: Party): Promise<readonly RelayedConnection[]> {
    if (b === "coordinator") return [...defined(this.#uplinks[a], "an uplink").connections];
    return [...(await this.#callsOf(a, b)), ...(await this.#callsOf(b, a))];
  }

  async #callsOf(caller: number, called: number): Promise<readonly RelayedConnection[]> {
    const ports = new Set((await this.#socketsOf(caller)).map(({ localPort }) => localPort));
    const { connections } = defined(this.#doors[called], "a door");
    return [...connections].filter(({ callerPort }) => ports.has(callerPort));
  }

  async #socketsOf(index: number) {
    const processId = this.#workers[index]?.processId;
    return processId === undefined ? [] : await processSockets(processId);
  }
}

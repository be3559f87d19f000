import type { Moment, PeerWait } from "../../src/protocol/messages.ts";
import type { StepExchange } from "./simulated-exchange.ts";

/** Who takes part in one step's exchange. */
export interface StarMoment extends Moment {
  readonly members: readonly number[];
}

/** A worker's part in a star: its partials go to the coordinator over its one link, and the sum comes back there. */
export class SimulatedStar implements StepExchange {
  readonly #sendPartials: (moment: Moment) => void;
  #moment: Moment | undefined;
  #isWhole: boolean = false;
  readonly canSum = false;

  constructor(sendPartials: (moment: Moment) => void) {
    this.#sendPartials = sendPartials;
  }

  begin(moment: Moment): void {
    this.#moment = moment;
    this.#isWhole = false;
  }

  contribute(): void {
    if (this.#moment !== undefined) this.#sendPartials(this.#moment);
  }

  /** It owns nothing. */
  sum(): void {
    return;
  }

  get isWhole(): boolean {
    return this.#moment !== undefined && this.#isWhole;
  }

  /** The sum of a moment is here; late ones are refused. */
  take(moment: Moment): void {
    if (this.#moment !== undefined && isSame(moment, this.#moment)) this.#isWhole = true;
  }

  /** The coordinator knows what it owes. */
  missingAt(): readonly number[] {
    return [];
  }

  abort(): void {
    this.#moment = undefined;
  }

  beginAgain(): void {
    this.abort();
  }
}

/** The coordinator's part: what `StarOwner` does, without numbers. One exchange after another, in order. */
export class SimulatedStarOwner {
  #expected: StarMoment[] = [];
  /** Of each member, the moments whose partials are here. */
  #arrived: { readonly workerId: number; readonly moment: Moment }[] = [];
  #generation = 0;
  #numLate = 0;

  /** A new generation: exchanges of the former end. */
  abort(generation: number): void {
    this.#generation = generation;
    this.#expected = [];
    this.#arrived = [];
  }

  expect(moment: StarMoment): void {
    this.#expected.push(moment);
  }

  /** A worker's partials of a moment. */
  receive(workerId: number, moment: Moment): void {
    if (moment.generation < this.#generation) this.#numLate += 1;
    else this.#arrived.push({ workerId, moment });
  }

  /** The oldest exchange, once it has all partials; it is over then. */
  takeDone(): StarMoment | undefined {
    const [open] = this.#expected;
    if (open === undefined || this.#missing(open).length > 0) return undefined;
    this.#expected.shift();
    this.#arrived = this.#arrived.filter(({ moment }) => !isSame(moment, open));
    return open;
  }

  takeNumLate(): number {
    const numLate = this.#numLate;
    this.#numLate = 0;
    return numLate;
  }

  /** What the exchange of a moment still misses, if it is the open one. */
  waits(moment: Moment): readonly PeerWait[] {
    const [open] = this.#expected;
    if (open === undefined || !isSame(open, moment)) return [];
    return this.#missing(open).map((peerId) => ({ peerId, what: "to send its partials" }));
  }

  #missing(open: StarMoment): readonly number[] {
    const isHere = (id: number) =>
      this.#arrived.some(({ workerId, moment }) => workerId === id && isSame(moment, open));
    return open.members.filter((id) => !isHere(id));
  }
}

function isSame(one: Moment, other: Moment): boolean {
  return one.generation === other.generation && one.step === other.step;
}

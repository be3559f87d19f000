import { expect, test } from "vitest";
import { startHeartbeat } from "../../src/transport/heartbeat.ts";
import { FakeClock } from "../fake-clock.ts";

/** A heartbeat of one second that believes in a silent peer for ten. */
function makeHeartbeat() {
  const clock = new FakeClock();
  const peer = { numBytesHeard: 0, numPings: 0, silences: [] as number[] };
  const stop = startHeartbeat({
    ...{ clock, intervalMs: 1000, timeoutMs: 10_000 },
    ping: () => {
      peer.numPings++;
    },
    numBytesHeard: () => peer.numBytesHeard,
    onSilent: (silentMs) => peer.silences.push(silentMs),
  });
  return { clock, peer, stop };
}

test("pings at every interval", () => {
  const { clock, peer } = makeHeartbeat();
  clock.advance(5000);
  expect(peer.numPings).toBe(5);
});

test("gives a silent peer up after the timeout, once", () => {
  const { clock, peer } = makeHeartbeat();
  clock.advance(9999);
  expect(peer.silences).toEqual([]);
  clock.advance(1);
  expect(peer.silences).toEqual([10_000]);
  clock.advance(60_000);
  expect(peer.silences).toEqual([10_000]);
  expect(clock.numTimers).toBe(0);
});

test("takes any byte for a sign of life, also within a long message", () => {
  const { clock, peer } = makeHeartbeat();
  for (let i = 0; i < 20; i++) {
    clock.advance(9000);
    peer.numBytesHeard++;
  }
  expect(peer.silences).toEqual([]);
});

test("counts an interval that ended an hour late as one: nothing could be heard meanwhile", () => {
  const { clock, peer } = makeHeartbeat();
  clock.advance(5000);
  clock.sleep(3_600_000);
  clock.advance(0);
  expect(peer.silences).toEqual([]);
  clock.advance(3000);
  expect(peer.silences).toEqual([]);
  clock.advance(1000);
  expect(peer.silences).toEqual([10_000]);
});

test("says nothing once stopped", () => {
  const { clock, peer, stop } = makeHeartbeat();
  stop();
  clock.advance(60_000);
  expect(peer).toEqual({ numBytesHeard: 0, numPings: 0, silences: [] });
});

// Gives each worker of this machine a share of its cores that no other gets, as a host of its own would be:
// what one that starts again uses is then taken from nobody else. By Linux's control groups, as root.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

const V1 = "/sys/fs/cgroup/cpu";
const V2 = "/sys/fs/cgroup";

/** Short against a step, so that a worker is slower and does not stop for long. */
const PERIOD_US = 20_000;

/** So long, at most, may a worker that has just been started use more. */
const LOOKED_EVERY_MS = 50;

/**
 * Puts every worker that is started on this machine from now on into one of `numWorkers` shares that is
 * free.
 *
 * @param share of one core, for each.
 * @returns a function that ends it, once the workers have ended.
 * @throws {RangeError} for a share that is not above 0 and at most 1.
 * @throws an error of the file system where this user or kernel has no control groups. Those of version 2
 *   have not been tried.
 */
export function giveCoreShares(numWorkers, share) {
  if (!(share > 0 && share <= 1)) {
    throw new RangeError(`A share of a core is above 0 and at most 1, not ${share}.`);
  }
  const groups = Array.from({ length: numWorkers }, (_, i) => makeGroup(i, share));
  const timesRefused = new Map();
  const placed = new Set();
  const timer = setInterval(look, LOOKED_EVERY_MS);
  function look() {
    for (const processId of readdirSync("/proc").map(Number)) {
      const refused = timesRefused.get(processId) ?? 0;
      // Twice, since a process that is just being started still has its parent's command line.
      if (!(processId > 0) || refused === 2 || placed.has(processId)) continue;
      if (isWorker(processId)) place(processId);
      else timesRefused.set(processId, refused + 1);
    }
  }
  function place(processId) {
    const group = groups.find((one) => membersOf(one).length === 0);
    // One that was killed is still there for a moment: the next look finds its share free.
    if (group === undefined) return;
    try {
      writeFileSync(join(group, "cgroup.procs"), String(processId));
      placed.add(processId);
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
  }
  return () => {
    clearInterval(timer);
    for (const group of groups) rmdirSync(group);
  };
}

function makeGroup(i, share) {
  const quotaUs = Math.round(share * PERIOD_US);
  const name = `smallinit-${process.pid}-${i}`;
  if (existsSync(V1)) {
    const group = join(V1, name);
    mkdirSync(group);
    writeFileSync(join(group, "cpu.cfs_period_us"), String(PERIOD_US));
    writeFileSync(join(group, "cpu.cfs_quota_us"), String(quotaUs));
    return group;
  }
  const group = join(V2, name);
  mkdirSync(group);
  writeFileSync(join(group, "cpu.max"), `${quotaUs} ${PERIOD_US}`);
  return group;
}

function membersOf(group) {
  return readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
}

/** By its command line: `node .../main.js worker ws://... --threads 1`. */
function isWorker(processId) {
  try {
    const words = readFileSync(`/proc/${processId}/cmdline`, "utf8").split("\0");
    return words[1]?.endsWith("main.js") === true && words[2] === "worker";
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return false;
    throw error;
  }
}

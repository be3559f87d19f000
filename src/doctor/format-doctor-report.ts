import type {
  DoctorReport,
  EngineFinding,
  Failed,
  KernelSpeed,
  LoopbackSpeed,
} from "./doctor-report.ts";

type Row = readonly string[];

/** A report for people: aligned tables, then what is missing, then what to do next. */
export function formatDoctorReport(report: DoctorReport): string {
  const sections = [
    table(machineRows(report)),
    table([
      ["ENGINE", "DEVICE", "WORKS", "RUNTIME", "THREADS", "TOKENS/S", "GFLOP/S"],
      ...report.engines.map(engineRow),
    ]),
    ...speedSection(report),
    ...missingSection(report),
    nextSteps(report),
  ];
  return `${sections.join("\n\n")}\n`;
}

function machineRows(report: DoctorReport): readonly Row[] {
  const { node, cpu, memory, gpus, nvidia, names } = report;
  const ofMachine = cpu.cores < cpu.coresOfMachine ? ` of the machine's ${cpu.coresOfMachine}` : "";
  const limit =
    memory.bytes < memory.bytesOfMachine ? ` of the machine's ${gib(memory.bytesOfMachine)}` : "";
  return [
    ["smallinit", report.smallinit],
    ["Node", `${node.version} on ${report.platform} (needed: ${node.required})`],
    ["CPU", `${cpu.cores} cores${ofMachine}: ${cpu.model}`],
    ["memory", `${gib(memory.bytes)}${limit}, ${gib(memory.bytesFree)} free`],
    ["GPUs", gpus.map(({ index, name }) => `${index}: ${name}`).join(", ") || "no NVIDIA GPU"],
    ...(nvidia === null
      ? []
      : [["driver", `NVIDIA ${nvidia.driver}, for CUDA up to ${nvidia.cuda}`]]),
    ["names", names.map(({ name, address }) => `${name} is ${address ?? "not known"}`).join(", ")],
  ];
}

function engineRow(finding: EngineFinding): Row {
  const { engine, device } = finding;
  if (!finding.works) return [engine, device, "no", "see below", "-", "-", "-"];
  const { runtime, numThreads, speed } = finding;
  const speedCells =
    speed === undefined
      ? ["-", "-"]
      : [speed.tokensPerSecond.toFixed(0), speed.gflops.toPrecision(3)];
  return [engine, device, "yes", runtime, String(numThreads), ...speedCells];
}

function speedSection({ kernels, loopback, cpu }: DoctorReport): readonly string[] {
  if (kernels === null && loopback === null) return [];
  const rows = [["SPEED", "GB/S"], ...kernelRows(kernels), ...loopbackRows(loopback)];
  const busy =
    cpu.load > cpu.cores
      ? `\nOther programs use this machine now (load ${cpu.load.toFixed(1)} on ${cpu.cores} cores): ` +
        "it is faster than these figures say."
      : "";
  return [table(rows) + busy];
}

function kernelRows(kernels: KernelSpeed | Failed | null): readonly Row[] {
  if (kernels === null) return [];
  if ("why" in kernels) return [["loops over vectors", kernels.why]];
  return [
    ["add, one core", kernels.addGigabytesPerSecond.toFixed(2)],
    ["AdamW, one core", kernels.adamWGigabytesPerSecond.toFixed(2)],
  ];
}

function loopbackRows(loopback: LoopbackSpeed | Failed | null): readonly Row[] {
  if (loopback === null) return [];
  const cell = "why" in loopback ? loopback.why : loopback.gigabytesPerSecond.toFixed(2);
  return [["WebSocket between two processes", cell]];
}

function missingSection({ missing }: DoctorReport): readonly string[] {
  if (missing.length === 0) return [];
  const lines = missing.map(
    ({ what, why, command }) => `  ${what}: ${why}${command === null ? "" : `\n    ${command}`}`,
  );
  return [`MISSING, and what brings it\n${lines.join("\n")}`];
}

function nextSteps({ best, missing }: DoctorReport): string {
  if (best === null) {
    const how = missing.some(({ command }) => command !== null)
      ? "Run the commands above, then this one again."
      : "The reasons stand above.";
    return `No engine works here, so nothing can be trained. ${how}`;
  }
  return (
    `This machine can train; the fastest engine is ${best.engine} on ${best.device}. Next:\n` +
    "  smallinit prepare book.txt --out data/book --tokenizer bpe --vocab-size 2048\n" +
    "  smallinit launch --data data/book --run runs/book"
  );
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Columns as wide as their widest cell; the last is as long as it likes. */
function table(rows: readonly Row[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}

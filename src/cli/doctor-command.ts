import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { packageVersion } from "./package-version.ts";
import { ProgressLine } from "./progress-line.ts";

interface DoctorOptions {
  readonly json?: true;
  readonly speed: boolean;
}

/** `smallinit doctor`: what this machine can run, and why not. */
export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("say what this machine can run, how fast, what is missing and what brings it")
    .option("--json", "print the report as JSON, for programs (default: tables)")
    .option("--no-speed", "only try what works; measure nothing (default: about ten seconds)")
    .addHelpText(
      "after",
      "\nExample:\n  smallinit doctor --json > doctor.json\n" +
        "\nExit codes: 0 at least one engine works, 1 none does.\n",
    )
    .action(async ({ json, speed }: DoctorOptions) => {
      // Loaded here: tfjs takes half a second that no other command should pay.
      const { examineThisMachine } = await import("../doctor/examine-this-machine.ts");
      const { formatDoctorReport } = await import("../doctor/format-doctor-report.ts");
      const progress = new ProgressLine();
      const report = await examineThisMachine({
        smallinit: packageVersion(),
        requiredNode: requiredNode(),
        environment: process.env,
        engineProgram: new URL("./doctor-engine-process.js", import.meta.url),
        measuresSpeed: speed,
        onProgress: (doing) => progress.show(`${doing} ...`, true),
      });
      progress.end();
      process.stdout.write(
        json ? `${JSON.stringify(report, undefined, 2)}\n` : formatDoctorReport(report),
      );
      if (report.best === null) process.exitCode = 1;
    });
}

function requiredNode(): string {
  const url = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { engines: { node: string } }).engines.node;
}

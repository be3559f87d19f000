import type { Command } from "commander";

/** Adds one command to a program. */
type AddCommand = (program: Command) => void;

/** Every command, in the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  prepare: async () => (await import("./prepare-command.ts")).addPrepareCommand,
  launch: async () => (await import("./launch-command.ts")).addLaunchCommand,
  coordinator: async () => (await import("./coordinator-command.ts")).addCoordinatorCommand,
  worker: async () => (await import("./worker-command.ts")).addWorkerCommand,
  resume: async () => (await import("./resume-command.ts")).addResumeCommand,
  evaluate: async () => (await import("./evaluate-command.ts")).addEvaluateCommand,
  generate: async () => (await import("./generate-command.ts")).addGenerateCommand,
  export: async () => (await import("./export-command.ts")).addExportCommand,
  plot: async () => (await import("./plot-command.ts")).addPlotCommand,
  verify: async () => (await import("./verify-command.ts")).addVerifyCommand,
  doctor: async () => (await import("./doctor-command.ts")).addDoctorCommand,
  compare: async () => (await import("./compare-command.ts")).addCompareCommand,
  demo: async () => (await import("./demo-command.ts")).addDemoCommand,
};

/**
 * Adds the command called `name`; all of them where there is none of this name, for the help and for
 * proposals.
 *
 * Each is loaded when it is added: all together take a quarter of a second, which every worker of a run
 * would pay before it dials.
 */
export async function addCommands(program: Command, name: string | undefined): Promise<void> {
  const asked = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  for (const load of asked === undefined ? Object.values(COMMANDS) : [asked]) {
    (await load())(program);
  }
}

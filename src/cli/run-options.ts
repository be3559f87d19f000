import { type Command, Option } from "commander";
import type { Configuration } from "../configuration/configuration.ts";
import { PRESETS } from "../configuration/presets.ts";
import { openDataFolder } from "../data/open-data-folder.ts";
import { repeated } from "./option-values.ts";
import { configurationFor, gatherSettings, type SettingSources } from "./settings.ts";

/** Options that name the data, the run and its configuration. */
export interface RunOptions extends SettingSources {
  readonly data: string;
  readonly run: string;
  readonly tensorboard?: boolean;
}

/** Adds --data, --run, --preset, --config and --set to a command. */
export function addRunOptions(command: Command): Command {
  return addTensorboardOption(
    addSettingOptions(
      command
        .requiredOption(
          "--data <dir>",
          "data folder, as written by prepare (or nanoGPT's train.bin, val.bin)",
        )
        .requiredOption("--run <dir>", "run folder to make: metrics, events, checkpoints"),
    ),
  );
}

/** Adds --tensorboard. */
export function addTensorboardOption(command: Command): Command {
  const help = "also write RUN/tensorboard: curves, and histograms of each checkpoint's parameters";
  return command.option("--tensorboard", help);
}

/** Adds --preset, --config and --set. */
export function addSettingOptions(command: Command): Command {
  const names = Object.keys(PRESETS).join(", ");
  return command
    .addOption(new Option("--preset <name>", `start from a preset: ${names}`))
    .option("--config <file>", "YAML or JSON file of configuration keys; wins over the preset")
    .option(
      "--set <key=value>",
      "set one configuration key; repeatable, wins over the file",
      repeated,
    );
}

/** The options that name data and configuration, as arguments for another command. */
export function runArguments({ data, preset, config, set }: RunOptions): readonly string[] {
  return [
    ...["--data", data],
    ...(preset === undefined ? [] : ["--preset", preset]),
    ...(config === undefined ? [] : ["--config", config]),
    ...(set ?? []).flatMap((assignment) => ["--set", assignment]),
  ];
}

/**
 * The complete configuration that a command's options ask for.
 *
 * @throws {TrainerError} those of the settings and of the data folder.
 */
export async function configurationOf(options: RunOptions): Promise<Configuration> {
  const settings = await gatherSettings(options);
  await using data = await openDataFolder(options.data, { checksums: false });
  return configurationFor(settings, data.vocabSize);
}

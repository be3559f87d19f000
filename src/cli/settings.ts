import { readFile } from "node:fs/promises";
import { TrainerError } from "../base/errors.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { nearestName } from "../configuration/nearest-name.ts";
import { PRESETS, type PresetName } from "../configuration/presets.ts";
import { parseSetting, resolveConfiguration } from "../configuration/resolve-configuration.ts";

/** Where a command's configuration comes from; later ones win: preset, file, `--set`. */
export interface SettingSources {
  readonly preset?: string;
  /** Path of a YAML or JSON file. */
  readonly config?: string;
  /** "key=value" each. */
  readonly set?: readonly string[];
}

/** The values of all sources, by key; not yet completed. */
export type Settings = Readonly<Record<string, unknown>>;

/**
 * Reads and merges the sources of a configuration.
 *
 * @throws {TrainerError} ERR_CONFIG_FILE when the file cannot be read or is no mapping;
 *   ERR_CONFIG_KEY, ERR_CONFIG_VALUE.
 */
export async function gatherSettings(sources: SettingSources): Promise<Settings> {
  return {
    ...(sources.preset === undefined ? {} : presetNamed(sources.preset)),
    ...(sources.config === undefined ? {} : await readSettingsFile(sources.config)),
    ...Object.fromEntries((sources.set ?? []).map(readAssignment)),
  };
}

/**
 * The complete configuration of a run on data with `dataVocabSize` token ids.
 *
 * @throws {TrainerError} ERR_VOCABULARY_MISMATCH when the settings' vocabulary is smaller than the data's.
 */
export function configurationFor(settings: Settings, dataVocabSize: number): Configuration {
  const configuration = resolveConfiguration({ vocabSize: dataVocabSize, ...settings });
  if (configuration.vocabSize < dataVocabSize) {
    throw new TrainerError(
      "ERR_VOCABULARY_MISMATCH",
      `vocabSize is ${configuration.vocabSize}, but the data has ${dataVocabSize} token ids. ` +
        "Leave vocabSize out to use the data's.",
    );
  }
  return configuration;
}

function presetNamed(name: string): Settings {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as PresetName];
  const names = Object.keys(PRESETS);
  throw new TrainerError(
    "ERR_CONFIG_VALUE",
    `There is no preset "${name}". Did you mean "${nearestName(name, names)}"? ` +
      `Presets: ${names.join(", ")}.`,
  );
}

async function readSettingsFile(path: string): Promise<Settings> {
  // Loaded here: it takes as long as a third of all other modules, and most runs have no file.
  const { parse } = await import("yaml");
  let content: unknown;
  try {
    // JSON is YAML, so one parser reads both.
    content = parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new TrainerError(
      "ERR_CONFIG_FILE",
      `Cannot read the configuration ${path}: ${(cause as Error).message.split("\n")[0]}. ` +
        "It must be a YAML or JSON file of keys and values.",
      { cause },
    );
  }
  if (content === null) return {};
  if (typeof content !== "object" || Array.isArray(content)) {
    throw new TrainerError(
      "ERR_CONFIG_FILE",
      `The configuration ${path} is not a mapping of keys to values, such as "learningRate: 0.001".`,
    );
  }
  return content as Settings;
}

/**
 * Reads "key=value" of `--set`.
 *
 * @throws {TrainerError} ERR_USAGE without "="; ERR_CONFIG_KEY, ERR_CONFIG_VALUE.
 */
export function readAssignment(text: string): readonly [string, unknown] {
  const equals = text.indexOf("=");
  if (equals <= 0) {
    throw new TrainerError("ERR_USAGE", `--set takes key=value, not "${text}".`);
  }
  const key = text.slice(0, equals).trim();
  return [key, parseSetting(key, text.slice(equals + 1).trim())];
}

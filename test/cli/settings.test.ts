import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configurationFor, gatherSettings } from "../../src/cli/settings.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smallinit-settings-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("gatherSettings", () => {
  test("lets --set win over the file, and the file over the preset", async () => {
    const config = await fileWith("numLayers: 3\nsteps: 7\n");
    const settings = await gatherSettings({ preset: "tiny", config, set: ["steps=9"] });
    expect(settings).toMatchObject({ embeddingSize: 32, numLayers: 3, steps: 9 });
  });

  test("reads JSON as well as YAML", async () => {
    const config = await fileWith('{"learningRate": 0.01, "norm": "post"}');
    expect(await gatherSettings({ config })).toEqual({ learningRate: 0.01, norm: "post" });
  });

  test.each([
    ["an unknown preset", { preset: "chart" }, "ERR_CONFIG_VALUE", /"char"/],
    ["an assignment without =", { set: ["steps"] }, "ERR_USAGE", /key=value/],
    ["an unknown key", { set: ["learnRate=1"] }, "ERR_CONFIG_KEY", /"learningRate"/],
    ["a word for a number", { set: ["steps=many"] }, "ERR_CONFIG_VALUE", /steps is/],
    ["nothing for a number", { set: ["steps="] }, "ERR_CONFIG_VALUE", /steps is/],
    ["a missing file", { config: "no-such-file.yaml" }, "ERR_CONFIG_FILE", /no-such-file/],
  ])("refuses %s", async (_, sources, code, message) => {
    await expect(gatherSettings(sources)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ["a list", "- 1\n- 2\n"],
    ["a lone word", "hello\n"],
    ["broken YAML", "steps: [1, 2\n"],
  ])("refuses a file that holds %s", async (_, content) => {
    const config = await fileWith(content);
    await expect(gatherSettings({ config })).rejects.toMatchObject({ code: "ERR_CONFIG_FILE" });
  });
});

describe("configurationFor", () => {
  test("takes the data's vocabulary unless a larger one is given", () => {
    expect(configurationFor({}, 65).vocabSize).toBe(65);
    expect(configurationFor({ vocabSize: 128 }, 65).vocabSize).toBe(128);
  });

  test("refuses a vocabulary smaller than the data's", () => {
    expect(() => configurationFor({ vocabSize: 64 }, 65)).toThrow(
      expect.objectContaining({ code: "ERR_VOCABULARY_MISMATCH" }),
    );
  });
});

let numFiles = 0;
async function fileWith(content: string): Promise<string> {
  numFiles += 1;
  const path = join(folder, `settings-${numFiles}.yaml`);
  await writeFile(path, content);
  return path;
}

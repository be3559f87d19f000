import { Command } from "commander";
import { expect, test } from "vitest";
import { addCommands } from "../../src/cli/add-commands.ts";

async function namesFor(asked: string | undefined): Promise<readonly string[]> {
  const program = new Command();
  await addCommands(program, asked);
  return program.commands.map((command) => command.name());
}

test("adds the command that is asked for alone, under that name", async () => {
  const all = await namesFor(undefined);
  expect(all).toContain("launch");
  for (const name of all) expect(await namesFor(name)).toEqual([name]);
});

test.each([
  ["--help", "the help lists them"],
  ["lanch", "commander proposes the nearest"],
  ["toString", "what every object has is no command"],
])("adds all commands for %s: %s", async (asked) => {
  expect(await namesFor(asked)).toEqual(await namesFor(undefined));
});

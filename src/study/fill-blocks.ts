import { TrainerError } from "../base/errors.ts";

/**
 * Replaces the generated parts of a Markdown page. A part stands between the lines `<!-- begin NAME -->` and
 * `<!-- end NAME -->`, which stay.
 *
 * @param blocks content by name; names without a part in the page are left out.
 * @throws {TrainerError} ERR_STUDY when a part of the page has no content or no end.
 */
export function fillBlocks(page: string, blocks: Readonly<Record<string, string>>): string {
  const filled = page.replaceAll(
    /<!-- begin (\S+) -->\n[\s\S]*?<!-- end \1 -->/g,
    (_, name: string) => {
      const content = blocks[name];
      if (content === undefined) throw damaged(`the part ${name}, of which there are no results`);
      return `<!-- begin ${name} -->\n\n${content.trim()}\n\n<!-- end ${name} -->`;
    },
  );
  const numBegun = filled.split("<!-- begin ").length;
  if (numBegun !== filled.split("<!-- end ").length) throw damaged("a part that has no end");
  return filled;
}

function damaged(what: string): TrainerError {
  return new TrainerError("ERR_STUDY", `The page has ${what}. Correct its comments.`);
}

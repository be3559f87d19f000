import { escapeXml } from "../plots/text-lines.ts";
import { FONT } from "../plots/theme.ts";
import { judgementInWords } from "./in-words.ts";
import { judgeClaims } from "./judge-claims.ts";
import { cellTable, claimTable, whatWasRun } from "./report-markdown.ts";
import type { StudyResults } from "./study-results.ts";

/** A figure as drawn. */
export interface DrawnFigure {
  readonly name: string;
  readonly svg: string;
}

const STYLE = [
  `:root{color-scheme:light dark;--surface:#fff;--ink:#1b1b1b;--muted:#595959;--line:#ddd}`,
  `@media(prefers-color-scheme:dark){:root{--surface:#15181d;--ink:#f2f2f2;--muted:#b4b9c2;--line:#3a3f48}}`,
  `body{background:var(--surface);color:var(--ink);font:16px/1.55 ${FONT};max-width:62rem;margin:0 auto;padding:2rem 1rem}`,
  "h1{font-size:1.8rem;line-height:1.25}h2{font-size:1.25rem;margin-top:2.5rem}",
  "figure{margin:2rem 0}figure svg.figure{display:block;max-width:100%;height:auto}",
  ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.86rem}",
  "td,th{border-bottom:1px solid var(--line);padding:.4rem .6rem;text-align:left;vertical-align:top}",
  "code{font-size:.95em}footer{color:var(--muted);margin-top:3rem}",
].join("");

/** The report as one HTML page that needs nothing else: no network, no script, no other file. */
export function reportPage(results: StudyResults, figures: readonly DrawnFigure[]): string {
  const { study } = results;
  const findings = judgeClaims(results).map(
    (judgement) =>
      `<li>${escapeXml(judgement.claim.statement)} <strong>${escapeXml(judgementInWords(results, judgement))}</strong></li>`,
  );
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${escapeXml(study.title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeXml(study.title)}</h1><p>${escapeXml(study.question)}</p>`,
    `<h2>In short</h2><ul>${findings.join("")}</ul>`,
    ...figures.map(({ name, svg }) => `<figure id="${name}">${svg}</figure>`),
    `<h2>What was run</h2>${listOf(whatWasRun(results))}`,
    `<h2>Claims</h2>${tableOf(claimTable(results))}`,
    `<h2>Every arm</h2>${tableOf(cellTable(results))}`,
    "<footer>Made by <code>smallinit compare</code>. A verdict needs a whole 95 % interval on one side.</footer>",
    "</body></html>\n",
  ].join("\n");
}

/** The report's Markdown is of one kind, so its tables and lists need no parser. */
function tableOf(markdown: string): string {
  const [head = "", , ...rows] = markdown.split("\n");
  const cells = (row: string, tag: string) =>
    row
      .slice(2, -2)
      .split(" | ")
      .map((cell) => `<${tag}>${inline(cell)}</${tag}>`)
      .join("");
  const body = rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("");
  return `<div class="scroll"><table><thead><tr>${cells(head, "th")}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function listOf(markdown: string): string {
  const items = markdown.split("\n").map((line) => `<li>${inline(line.replace(/^- /, ""))}</li>`);
  return `<ul>${items.join("")}</ul>`;
}

function inline(text: string): string {
  return escapeXml(text)
    .replaceAll(/\*\*(.+?)\*\*/g, "<strong>$1</strong>")
    .replaceAll(/`(.+?)`/g, "<code>$1</code>");
}

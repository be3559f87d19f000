import type { Series } from "../plots/figure.ts";
import { boundsOf } from "./figure-cells.ts";
import { corpusTitle } from "./in-words.ts";
import type { Judgement } from "./judge-claims.ts";
import type { NamedFigure } from "./named-figure.ts";
import { type Estimate, exponential } from "./statistics.ts";
import type { StudyResults } from "./study-results.ts";

/** One per measure, since effects of different units share no axis. */
export function claimFigures(
  results: StudyResults,
  judgements: readonly Judgement[],
): readonly NamedFigure[] {
  const measures = [...new Set(judgements.map(({ claim }) => claim.measure))];
  return measures.flatMap((measure) => {
    const own = judgements.filter(({ claim }) => claim.measure === measure);
    const rows = own.flatMap((judgement) => {
      const { claim, corpora, verdict, effect } = judgement;
      if (effect === undefined) return [];
      const shown = measure === "speed" ? exponential(effect) : effect;
      const where = corpora.map((name) => corpusTitle(results, name)).join(" against ");
      return [
        {
          label: `${claim.name}, ${where}`,
          ...{ series: verdict, text: `${verdict}: ${shortly(shown)}`, mean: shown.mean },
          ...boundsOf(shown),
        },
      ];
    });
    const [first] = own;
    if (rows.length === 0 || first === undefined) return [];
    const numSupported = own.filter(({ verdict }) => verdict === "supported").length;
    return [
      {
        name: `claims-${measure}`,
        figure: {
          title: "What the runs say of each claim",
          conclusion:
            `${numSupported} of ${own.length} supported: the whole interval lies right of the line. ` +
            "Where the line runs through it, the runs do not decide.",
          series: ["supported", "not supported", "undecided"].map(asSeries),
          panels: [
            {
              ...{ type: "intervals", title: capitalized(MEASURE_TITLES[measure]), rows },
              x: { label: MEASURE_TITLES[measure] },
              zero: ZEROS[measure],
            },
          ],
          note: "Bars: 95 % intervals, by Student's t over seeds (shares: Wilson's score).",
          numColumns: 1,
        },
      },
    ];
  });
}

/** Where there is no effect. */
const ZEROS = { speed: 1, loss: 0, trains: 0.5 } as const;

const MEASURE_TITLES = {
  speed: "times fewer steps to the same training losses",
  loss: "nats per token lower final validation loss",
  trains: "pairs of which one run alone learns: share in which it is the claim's arm's",
} as const;

function asSeries(name: string): Series {
  return { name, title: name };
}

function shortly({ mean, interval }: Estimate): string {
  const bounds = interval?.map((bound) => bound.toFixed(2)).join(" to ") ?? "one seed";
  return `${mean.toFixed(2)} (${bounds})`;
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

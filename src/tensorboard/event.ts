import { PbfWriter } from "pbf";
import type { Histogram } from "./histogram.ts";

/** What one event says; `step` counts updates done. */
export type EventContent =
  /** The first event of a file. */
  | { readonly type: "version" }
  /** Forgets what earlier files say of steps from `step` on. */
  | { readonly type: "restart"; readonly step: number }
  | {
      readonly type: "scalars";
      readonly step: number;
      readonly values: Readonly<Record<string, number>>;
    }
  | {
      readonly type: "histograms";
      readonly step: number;
      readonly values: Readonly<Record<string, Histogram>>;
    };

/** SessionLog.SessionStatus of event.proto. */
const SESSION_START = 1;

/**
 * The bytes of an `Event` of TensorFlow's event.proto.
 *
 * @param wallSeconds since 1970.
 */
export function encodeEvent(content: EventContent, wallSeconds: number): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeDoubleField(1, wallSeconds);
  if (content.type === "version") {
    pbf.writeStringField(3, "brain.Event:2");
  } else {
    pbf.writeVarintField(2, content.step);
    if (content.type === "restart") {
      pbf.writeMessage(7, (_, log) => log.writeVarintField(1, SESSION_START), undefined);
    } else {
      pbf.writeMessage(5, writeSummary, content);
    }
  }
  return pbf.finish();
}

type Summary = Extract<EventContent, { readonly type: "scalars" | "histograms" }>;

function writeSummary(summary: Summary, pbf: PbfWriter): void {
  if (summary.type === "scalars") {
    for (const [tag, value] of Object.entries(summary.values)) {
      pbf.writeMessage(1, writeScalar, { tag, value });
    }
    return;
  }
  for (const [tag, value] of Object.entries(summary.values)) {
    pbf.writeMessage(1, writeNamedHistogram, { tag, value });
  }
}

function writeScalar({ tag, value }: { tag: string; value: number }, pbf: PbfWriter): void {
  pbf.writeStringField(1, tag);
  pbf.writeFloatField(2, value);
}

function writeNamedHistogram(
  { tag, value }: { tag: string; value: Histogram },
  pbf: PbfWriter,
): void {
  pbf.writeStringField(1, tag);
  pbf.writeMessage(5, writeHistogram, value);
}

function writeHistogram(histogram: Histogram, pbf: PbfWriter): void {
  const { min, max, count, sum, sumOfSquares, limits, counts } = histogram;
  for (const [i, value] of [min, max, count, sum, sumOfSquares].entries()) {
    pbf.writeDoubleField(i + 1, value);
  }
  pbf.writePackedDouble(6, [...limits]);
  pbf.writePackedDouble(7, [...counts]);
}

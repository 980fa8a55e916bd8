/** A pruning run as text. */
import { bytes, count, digits, duration } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { PruneCommandResult } from "./result.ts";
import { asPercent, chosenOf } from "./shown.ts";

export function showPrune(result: PruneCommandResult, paint: Paint): string {
  const { best, granularity, weights, dense, judged, maxDrop, met, notes, skipped } = result;
  const lines: (readonly [string, string])[] = [
    ["method", `${paint.bold(best)}, by ${granularity}, ${count(weights)} prunable weights`],
    ["dense", `loss ${digits(dense.loss)}${accuracyOf(dense.accuracy)} on ${count(judged.rows)} held-out rows`],
    ...(maxDrop === null
      ? []
      : [["drop", `${asPercent(maxDrop)} accepted: ${met ? paint.green("kept") : paint.red("not kept")}`] as const]),
    ...fileLines(result),
    ...channelLines(result),
    ...(skipped.length > 0
      ? [["skipped", skipped.map(({ name, why }) => `${name} (${why})`).join("; ")] as const]
      : []),
  ];
  return [
    facts(lines, paint),
    methodTable(result, paint),
    layerTable(result, paint),
    ...notes.map((text) => `Note: ${text}`),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

const right = (title: string): { readonly title: string; readonly align: "right" } => ({ title, align: "right" });

function methodTable({ methods, best }: PruneCommandResult, paint: Paint): string {
  const rows = methods.map((method) => {
    const { point, kept } = chosenOf(method);
    const name = method.method === best ? paint.bold(method.method) : method.method;
    return [
      name,
      asPercent(point.sparsity),
      point.predicted === null ? "" : digits(point.predicted),
      digits(point.loss),
      point.accuracy === null ? "" : asPercent(point.accuracy),
      `${asPercent(point.drop)}${kept ? "" : paint.yellow(" too much")}`,
      duration(method.seconds),
    ];
  });
  const columns = [
    { title: "method" },
    ...["removed", "predicted loss", "measured loss", "accuracy", "drop", "time"].map(right),
  ];
  return table(columns, rows, paint);
}

function layerTable({ methods, best }: PruneCommandResult, paint: Paint): string {
  const own = methods.find(({ method }) => method === best);
  if (!own) return "";
  const rows = own.layers.map(({ name, out, in: width, zeros }) => [
    name,
    `${out} × ${width}`,
    asPercent(zeros / (out * width)),
  ]);
  return table([{ title: "layer" }, right("shape"), right("removed")], rows, paint);
}

/** What was written: rounded or not, how small, how fast. */
function fileLines({ out, rounded, dense }: PruneCommandResult): (readonly [string, string])[] {
  if (!out) return [];
  const { file, weights, bytes: after, before, latency = [] } = out;
  return [
    ...(rounded
      ? [
          [
            `${rounded.bits} bits`,
            `loss ${digits(rounded.loss)}${rounded.predicted === null ? "" : ` (${digits(rounded.predicted)} predicted)`}${accuracyOf(rounded.accuracy)}, drop ${asPercent(rounded.drop)} from the dense ${digits(dense.loss)}`,
          ] as const,
        ]
      : []),
    ["file", `${file}${weights ? ` and ${weights}` : ""}, ${bytes(after)} (${bytes(before)} before)`],
    ...latency.map(latencyLine),
  ];
}

function latencyLine({ rows, before, after, ratio }: { rows: number; before: number; after: number; ratio: number }) {
  return [
    `latency, ${rows} rows`,
    `${digits(before, 3)} ms → ${digits(after, 3)} ms, ${ratio.toFixed(2)} × as fast`,
  ] as const;
}

/** What became less by channels, and how much faster that is. */
function channelLines({ channels }: PruneCommandResult): (readonly [string, string])[] {
  if (!channels) return [];
  const { before, after, latency } = channels;
  return [
    ["FLOPs", `${count(after.flops)} (${(before.flops / after.flops).toFixed(2)} × fewer)`],
    ["parameters", `${count(after.parameters)} (${count(before.parameters)} before)`],
    ...latency.map(latencyLine),
  ];
}

function accuracyOf(accuracy: number | null): string {
  return accuracy === null ? "" : `, accuracy ${asPercent(accuracy)}`;
}

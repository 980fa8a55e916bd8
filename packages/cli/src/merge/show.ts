/** A merge as text. */
import type { MergeResult } from "@hessonite/merge";
import { digits, duration } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";

export function showMerge(result: MergeResult, paint: Paint): string {
  const { method, tasks, weights, damping, solve, match, objective, notes } = result;
  const lines: (readonly [string, string])[] = [
    ["method", paint.bold(method)],
    ["tasks", tasks.map((task, i) => `${task} × ${digits(weights[i] ?? 0, 3)}`).join(", ")],
    ...(damping
      ? [["damping", `${digits(damping.relative)} of the mean curvature, by ${damping.chosenBy}`] as const]
      : []),
    ...chosen(result),
    ...(objective ? [["minimised", digits(objective.value)] as const] : []),
    ...(solve
      ? [["solve", `${solve.outcome}, ${solve.iterations} iterations, residual ${digits(solve.residual, 2)}`] as const]
      : []),
    ...(match
      ? [["divergence", `${digits(match.before)} → ${digits(match.after)} in ${match.steps.length} steps`] as const]
      : []),
  ];
  const parts = [
    facts(lines, paint),
    comparison(result, paint),
    rises(result, paint),
    ...notes.map((text) => `Note: ${text}`),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** Anchor, weights and layers, where they were chosen. */
function chosen({ choices }: MergeResult): (readonly [string, string])[] {
  const kinds = [...new Set(choices.map(({ what }) => what))];
  return kinds.map((kind) => {
    const own = choices.filter(({ what }) => what === kind);
    const found = own.map(({ of, chosen: value }) => (of === "" ? `${value}` : `${of} × ${value}`)).join(", ");
    return [kind, `${found}, by ${own[0]?.by}`] as const;
  });
}

const right = (title: string): { readonly title: string; readonly align: "right" } => ({ title, align: "right" });

function comparison({ compared, judged, tasks }: MergeResult, paint: Paint): string {
  if (judged === "nothing") return "";
  const rows = compared.map(({ method, losses, accuracies, mean, worst, seconds }) => [
    method,
    digits(mean),
    digits(worst),
    ...losses.map((loss, i) => `${digits(loss)}${percent(accuracies[i] ?? null)}`),
    duration(seconds),
  ]);
  const columns = [{ title: "method" }, right("mean loss"), right("worst"), ...tasks.map(right), right("time")];
  const rowsOf = judged === "held-out" ? "held-out rows" : "the rows that were merged on";
  return `${paint.bold(`on ${rowsOf}`)}\n${table(columns, rows, paint)}`;
}

export function percent(accuracy: number | null): string {
  return accuracy === null ? "" : ` (${(100 * accuracy).toFixed(1)} %)`;
}

function rises({ rises: list }: MergeResult, paint: Paint): string {
  if (list.length === 0) return "";
  const rows = list.map(({ task, predicted, measured, outside }) => [
    task,
    digits(predicted),
    measured === null ? "" : digits(measured),
    outside ? paint.yellow("outside the quadratic's range") : "",
  ]);
  return `${paint.bold("rise of each task's loss")}\n${table([{ title: "task" }, right("predicted"), right("measured"), { title: "" }], rows, paint)}`;
}

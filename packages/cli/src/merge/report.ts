/** A merge as an HTML report. */
import type { MergeResult } from "@hessonite/merge";
import { dataTable, figures, page, type Section } from "../report/page.ts";
import { digits, duration } from "../terminal/quantity.ts";
import { choices, conflict, damping, lines } from "./charts.ts";
import { percent } from "./show.ts";

export function mergeReport(result: MergeResult): string {
  const sections = [
    summary(result),
    comparison(result),
    rises(result),
    conflict(result),
    lines(result),
    damping(result),
    choices(result),
    steps(result),
  ];
  return page({
    title: `${result.tasks.join(" + ")} by ${result.method}`,
    subtitle: `${result.tasks.length} models, ${result.parameters.length} parameters merged`,
    sections: sections.filter((section) => section !== undefined),
  });
}

function summary({ tasks, weights, notes, objective, solve, match }: MergeResult): Section {
  return {
    title: "At a glance",
    explanation: notes.join(" "),
    body: figures([
      ...tasks.map((task, i) => [`weight of ${task}`, digits(weights[i] ?? 0, 3)] as const),
      ...(objective ? [["value minimised", digits(objective.value), "Σ α ½‖θ − θᵢ‖² + ½‖θ − anchor‖²"] as const] : []),
      ...(solve
        ? [
            [
              "solve",
              String(solve.iterations),
              `iterations, ${solve.outcome}, residual ${digits(solve.residual, 2)}`,
            ] as const,
          ]
        : []),
      ...(match ? [["divergence", digits(match.after), `from ${digits(match.before)}, rows kept aside`] as const] : []),
    ]),
  };
}

function comparison({ compared, judged, tasks }: MergeResult): Section | undefined {
  if (judged === "nothing") return undefined;
  const columns = ["method", "mean loss", "worst loss", ...tasks, "time"];
  const rows = compared.map(({ method, mean, worst, losses, accuracies, seconds }) => [
    method,
    digits(mean),
    digits(worst),
    ...losses.map((loss, i) => `${digits(loss)}${percent(accuracies[i] ?? null)}`),
    duration(seconds),
  ]);
  return {
    title: "Methods",
    explanation: `Loss of each task${judged === "held-out" ? " on its held-out rows" : ", on the rows that were merged on"}; the best method first.`,
    body: dataTable(columns, rows, columns.slice(1)),
  };
}

function rises({ rises: list }: MergeResult): Section | undefined {
  if (list.length === 0) return undefined;
  const columns = ["task", "by", "predicted", "measured", "ratio", ""];
  const rows = list.map(({ task, by, predicted, measured, outside }) => [
    task,
    by,
    digits(predicted),
    measured === null ? "" : digits(measured),
    measured === null || predicted === 0 ? "" : digits(measured / predicted, 3),
    outside ? "outside the quadratic's range" : "",
  ]);
  return {
    title: "Rise of each task's loss",
    explanation:
      "From the task's own model to the merged one: gᵀd + ½dᵀFd as its quadratic predicts, and measured on its data. A ratio " +
      "beyond a factor of 2 says that the merge lies where the quadratic no longer holds: function space re-linearises.",
    body: dataTable(columns, rows, ["predicted", "measured", "ratio"]),
  };
}

function steps({ match }: MergeResult): Section | undefined {
  if (!match) return undefined;
  const columns = ["step", "divergence before", "on rows kept aside, after", "damping", "length"];
  const rows = match.steps.map(({ divergence, heldOut, damping: delta, length }, i) => [
    String(i + 1),
    digits(divergence),
    digits(heldOut),
    digits(delta),
    String(length),
  ]);
  return {
    title: "Linearisations",
    explanation:
      "Mean divergence between each task's model and the merged one. Damping is relative to the mean curvature.",
    body: dataTable(columns, rows, columns),
  };
}

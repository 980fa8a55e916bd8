/** Influence scores for a terminal. */
import { count, digits, duration } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { InfluenceCommandResult } from "./result.ts";

const mostQueries = 10;

export function showInfluence(result: InfluenceCommandResult, paint: Paint): string {
  const { train, query, strategy, damping, solve, queries, self, scores, seconds, sources: found } = result;
  const range = damping.map((block) => block.damping);
  const stages = ["open", "fit", "queries", "scores", "self"];
  const total = stages.reduce((sum, stage) => sum + (seconds[stage] ?? 0), 0);
  const head = facts(
    [
      ["training rows", count(train.rows)],
      ["queries", query ? count(query.rows) : "none"],
      ["curvature", strategy],
      ...(range.length > 0
        ? [["damping", `${digits(Math.min(...range), 2)} to ${digits(Math.max(...range), 2)}, by block`] as const]
        : []),
      ...(solve ? [["residual", `${digits(solve.residual, 2)} at most, ${solve.outcome}`] as const] : []),
      ["time", duration(total)],
      ...(scores ? [["scores", scores] as const] : []),
    ],
    paint,
  );
  const list = (rows: NonNullable<InfluenceCommandResult["self"]>): string =>
    rows.map(({ row, id, score }) => `${id ?? row} (${digits(score, 2)})`).join("  ");
  const right = { align: "right" as const };
  const columns = [{ title: "query", ...right }, { title: "helpful rows" }, { title: "harmful rows" }];
  const rows = queries
    .slice(0, mostQueries)
    .map(({ row, id, helpful, harmful }) => [id ?? String(row ?? "all"), list(helpful), list(harmful)]);
  const more = queries.length > mostQueries ? paint.dim(`and ${count(queries.length - mostQueries)} more queries`) : "";
  const bySource = found
    ? `${paint.dim("sources, largest first:")} ${found
        .slice(0, mostQueries)
        .map(({ source, meanScore }) => `${source} (${digits(meanScore, 2)})`)
        .join("  ")}`
    : "";
  const own = self ? `${paint.dim("largest influence on themselves:")} ${list(self)}` : "";
  return [head, rows.length > 0 ? table(columns, rows, paint) : "", more, bySource, own]
    .filter((part) => part !== "")
    .join("\n\n");
}

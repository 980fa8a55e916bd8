/** The tour in figures, as text. */
import { subjectLines } from "../operator/subject.ts";
import { count, digits } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { TourResult } from "./result.ts";

export function showTour(result: TourResult, paint: Paint): string {
  const right = { align: "right" as const };
  const titles = ["trace", "norm", "largest", "smallest", "rank", "from GGN", "from its blocks"];
  const columns = [{ title: "matrix" }, ...titles.map((title) => ({ title, ...right }))];
  const rows = result.matrices.map((one) => [
    one.operator,
    ...[one.trace, one.norm, one.largest, one.smallest].map((x) => digits(x)),
    count(one.rank),
    digits(one.fromGgn, 3),
    digits(one.fromBlocks, 3),
  ]);
  const lines = subjectLines({ ...result, operator: "" }, paint).filter(([label]) => label !== "operator");
  return `${facts(lines, paint)}\n\n${table(columns, rows, paint)}`;
}

/** A solution as text: how it ended first of all. */
import { subjectLines } from "../operator/subject.ts";
import { count, digits } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { SolveResult } from "./result.ts";

const mostRows = 20;

export function showSolve(result: SolveResult, paint: Paint): string {
  const { damping, method, preconditioner, outcome, iterations, products, rows, file } = result;
  const good = outcome === "exact" || outcome === "converged";
  const lines = [
    ...subjectLines(result, paint),
    ["system", `(A + ${digits(damping)} I) x = b, ${count(rows.length)} right-hand side${rows.length > 1 ? "s" : ""}`],
    ["method", preconditioner ? `${method}, preconditioned by ${preconditioner}` : method],
    ["outcome", good ? paint.green(outcome) : paint.red(`NOT converged: ${outcome}`)],
    ["cost", `${count(iterations)} iterations, ${count(products)} products`],
    ...(file ? [["written", file] as const] : []),
  ] as const;
  const right = { align: "right" as const };
  const columns = [
    { title: "row", ...right },
    { title: "outcome" },
    ...["iterations", "residual", "norm of x"].map((title) => ({ title, ...right })),
  ];
  const shown = rows
    .slice(0, mostRows)
    .map((row, i) => [String(i + 1), row.outcome, count(row.iterations), digits(row.residual, 3), digits(row.norm, 6)]);
  const more = rows.length > mostRows ? `\n  … and ${rows.length - mostRows} more, with --json` : "";
  return `${facts(lines, paint)}\n\n${table(columns, shown, paint)}${more}`;
}

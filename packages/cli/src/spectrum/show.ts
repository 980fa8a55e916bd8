/** A spectrum, or its plan, as text. */
import { type Line, subjectLines } from "../operator/subject.ts";
import { bytes, count, digits, duration, scaled } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { Eigenvalues, MeasuredSpectrum, SpectrumPlan, SpectrumResult } from "./result.ts";

export function showSpectrum(result: SpectrumResult, paint: Paint): string {
  return result.kind === "plan" ? showPlan(result, paint) : showMeasured(result, paint);
}

function showMeasured(result: MeasuredSpectrum, paint: Paint): string {
  const { lossValue, accuracy, gradientNorm, trace, density, largest, smallest, seconds } = result;
  const lines: Line[] = [
    ...subjectLines(result, paint),
    ["loss value", show(lossValue)],
    ...optionalLine("accuracy", accuracy, (x) => `${(100 * x).toFixed(2)} %`),
    ["gradient norm", show(gradientNorm)],
    ...optionalLine("trace", trace, (t) => `${digits(t.mean, 5)} ± ${digits(t.standardError, 2)}`),
    ...optionalLine(
      "density",
      density,
      (d) => `${d.grid.length} points from ${ends(d.grid)}, in the report and with --json`,
    ),
    ["time", duration(Object.values(seconds).reduce((sum, s) => sum + s, 0))],
  ];
  const tables = [
    eigenvalueTable("largest eigenvalues", largest, paint),
    eigenvalueTable("smallest eigenvalues", smallest, paint),
  ];
  return [facts(lines, paint), ...tables.filter((text) => text !== "")].join("\n\n");
}

function optionalLine<T>(label: string, value: T | null, text: (value: T) => string): Line[] {
  return value === null ? [] : [[label, text(value)]];
}

function ends(grid: readonly number[]): string {
  return `${digits(grid.at(0) ?? 0)} to ${digits(grid.at(-1) ?? 0)}`;
}

function show(x: number | null): string {
  return x === null ? "not finite" : digits(x, 6);
}

function eigenvalueTable(title: string, found: Eigenvalues | null, paint: Paint): string {
  if (!found) return "";
  const rows = found.values.map((value, i) => [String(i + 1), digits(value, 7), digits(found.residuals[i] ?? 0, 2)]);
  const columns = ["", "eigenvalue", "residual"].map((name) => ({ title: name, align: "right" as const }));
  const note = paint.dim(` ${found.outcome} after ${found.products} products`);
  return `${paint.bold(title)}${note}\n${table(columns, rows, paint)}`;
}

function showPlan(plan: SpectrumPlan, paint: Paint): string {
  const lines: Line[] = [
    ...subjectLines(plan, paint),
    [
      "products",
      `${plan.stages.some((s) => s.estimated) ? "about " : ""}${count(plan.products)}, and ${plan.gradients} gradients`,
    ],
    [
      "arithmetic",
      `${scaled(plan.flops)}FLOP; a product ${scaled(plan.flopsPerProduct)}FLOP, a gradient ${scaled(plan.flopsPerGradient)}FLOP`,
    ],
    ["peak memory", `${bytes(plan.peakBytes)} beside the runtime's own`],
    ["time", `about ${duration(plan.seconds)} at the speed this machine has now`],
  ];
  const rows = plan.stages.map((s) => [
    s.stage,
    `${s.estimated ? "about " : ""}${count(s.products)}`,
    `${scaled(s.flops)}FLOP`,
    duration(s.seconds),
  ]);
  const right = { align: "right" as const };
  const columns = [
    { title: "stage" },
    { title: "products", ...right },
    { title: "arithmetic", ...right },
    { title: "time", ...right },
  ];
  return `${facts(lines, paint)}\n\n${table(columns, rows, paint)}\n\nNothing of this was run.`;
}

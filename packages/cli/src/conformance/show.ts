/** Compared keys as a table, failures last and in full. */
import { count } from "../terminal/quantity.ts";
import { table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { ConformanceResult } from "./result.ts";

export function showConformance({ keys, broken, passed, failed }: ConformanceResult, paint: Paint): string {
  const rows = keys.map((one) => [
    one.case,
    one.engine,
    one.key,
    one.error === null ? "not finite" : one.error.toExponential(1),
    one.tolerance.toExponential(0),
    one.passed ? paint.green("ok") : paint.red("FAILED"),
  ]);
  const right = { align: "right" as const };
  const columns = [
    { title: "case" },
    { title: "engine" },
    { title: "key" },
    { title: "error", ...right },
    { title: "tolerance", ...right },
    { title: "" },
  ];
  const errors = broken.map(
    (one) => `${paint.red("FAILED")} ${one.case} on ${one.engine}\n${one.message.replaceAll(/^/gm, "  ")}`,
  );
  const verdict = `${count(passed)} keys passed, ${count(failed)} failed`;
  return [table(columns, rows, paint), ...errors, failed > 0 ? paint.red(verdict) : paint.green(verdict)].join("\n\n");
}

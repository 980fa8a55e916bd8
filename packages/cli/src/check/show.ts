/** A check as text: one line a comparison, the verdict last. */
import { count, digits, scaled, shape } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { CheckResult } from "./result.ts";

const quantityNames = { loss: "loss", gradient: "gradient", hessian: "Hessian product", ggn: "GGN product" } as const;

export function showCheck(result: CheckResult, paint: Paint): string {
  const { comparisons, passed } = result;
  const failed = comparisons.filter((one) => !one.passed).length;
  const verdict = passed
    ? paint.green("loss, gradient and products hold")
    : paint.red(`${failed} of ${comparisons.length} comparisons failed`);
  return [head(result, paint), rows(comparisons, paint), verdict].join("\n\n");
}

function head({ file, output, loss, data, seed, boundAt, ...found }: CheckResult, paint: Paint): string {
  const at = Object.entries(boundAt).map(([name, lengths]) => `${name} ${shape(lengths)}`);
  const { flops, limit, ran } = found.reference;
  const { entries, of } = found.masked;
  const kinks = `${count(found.kinks)} of ${count(found.decisions)} crossed by the largest step`;
  return facts(
    [
      ["model", `${paint.bold(file.path)}, output ${output}, ${count(found.parameters)} parameters`],
      ["loss", `${loss} on ${data} data (seed ${seed}) at ${at.join(", ")}`],
      ["kinks", found.decisions === 0 ? "none" : `${kinks}; differences are taken with all held`],
      ...(entries > 0
        ? [["masked", `${count(entries)} of ${count(of)} entries of the output stand for −∞: held at 0`] as const]
        : []),
      ["reference", `${ran ? "run" : "not run"}: ${scaled(flops)}FLOP, limit ${scaled(limit)}FLOP`],
    ],
    paint,
  );
}

function rows(comparisons: CheckResult["comparisons"], paint: Paint): string {
  const right = { align: "right" as const };
  const columns = [
    { title: "engine" },
    { title: "quantity" },
    { title: "against" },
    { title: "error", ...right },
    { title: "tolerance", ...right },
    { title: "" },
  ];
  const lines = comparisons.map(({ engine, quantity, against, error, tolerance, passed, step, worst }) => [
    engine,
    quantityNames[quantity],
    step === null ? againstName(against) : `differences, step ${digits(step, 1)}`,
    error === null ? "not finite" : error.toExponential(1),
    tolerance.toExponential(0),
    passed ? paint.green("ok") : paint.red(`FAILED${worst ? `, most in ${worst}` : ""}`),
  ]);
  return table(columns, lines, paint);
}

function againstName(against: CheckResult["comparisons"][number]["against"]): string {
  return against === "piece" ? "itself with kinks held" : against;
}

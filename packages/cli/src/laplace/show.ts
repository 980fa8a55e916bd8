/** What was found, for a terminal: the verdict, and what it stands on. */
import { count, digits, duration } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { LaplaceCommandResult } from "./result.ts";
import { tableRows } from "./tableRows.ts";

export function showLaplace(result: LaplaceCommandResult, paint: Paint): string {
  const { structure, likelihood, weightCount, weights, rows, evidence, prior, noise, trainedPrior, deployed } = result;
  const { temperature, tunedBy, conformal, saved } = result;
  const head = facts(
    [
      [
        "posterior",
        `${structure}, ${likelihood} likelihood, ${count(weightCount)} weights in ${weights.length} tensors`,
      ],
      ["training rows", count(rows)],
      [
        "evidence",
        `${digits(evidence.total)}${errorText(result)} nats; ${digits(evidence.effectiveParameters, 3)} effective parameters`,
      ],
      [
        "prior",
        `precision ${precisionText(prior.precision)} (${prior.kind}${tunedBy === "given" ? "" : `, by ${tunedBy}`})`,
      ],
      ...(noise === null ? [] : [["noise", digits(noise)] as const]),
      ...(temperature === 1 ? [] : [["temperature", digits(temperature, 3)] as const]),
      ...(deployed
        ? [
            [
              "file",
              `${paint.bold(deployed.file)}: ${deployed.outputs.join(", ")}; ${deployed.rows === null ? "any number of" : deployed.rows} rows`,
            ] as const,
          ]
        : []),
      ...(conformal ? [["conformal sets", conformalText(conformal, likelihood)] as const] : []),
      ...(saved === null ? [] : [["fit saved", saved] as const]),
      ["time", duration(result.seconds)],
    ],
    paint,
  );
  const { titles, cells } = tableRows(result.table);
  const columns = [
    { title: "on rows nothing was chosen by" },
    ...titles.map((title) => ({ title, align: "right" as const })),
  ];
  return [
    head,
    cells.length > 0 ? table(columns, cells, paint) : "",
    paint.dim(trainedPrior.sentence),
    paint.bold(result.verdict),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** ± half the log-determinant's standard error. */
function errorText({ evidence: { logDeterminantError: error } }: LaplaceCommandResult): string {
  return error ? ` ± ${digits(0.5 * error.standardError, 2)}` : "";
}

export function conformalText(
  { coverage, found, size, rows }: NonNullable<LaplaceCommandResult["conformal"]>,
  likelihood: string,
): string {
  const what = likelihood === "categorical" ? `${digits(size, 3)} classes a set` : `width ${digits(size, 3)}`;
  return `${percent(coverage)} stated, ${percent(found)} found; ${what}; calibrated on ${count(rows)} rows`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function precisionText(precision: readonly number[]): string {
  if (precision.length === 1) return digits(precision[0] ?? 0, 3);
  return `${digits(Math.min(...precision), 3)} to ${digits(Math.max(...precision), 3)}`;
}

/** The table of ways to predict, as columns that its rows have. */
import { digits } from "../terminal/quantity.ts";
import type { LaplaceCommandResult } from "./result.ts";

type Row = LaplaceCommandResult["table"][number];

const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;

/** A value and the half width of its 95 % interval. */
function spread(
  value: number | undefined,
  interval: readonly [number, number] | undefined,
  show: (x: number) => string,
): string | undefined {
  if (value === undefined || !interval) return value === undefined ? undefined : show(value);
  return `${show(value)} ± ${show((interval[1] - interval[0]) / 2)}`;
}

const measures: readonly (readonly [title: string, of: (row: Row) => string | undefined])[] = [
  ["NLL", ({ nll }) => digits(nll, 3)],
  ["95 % interval", ({ nllInterval: [low, high] }) => `${digits(low, 3)} to ${digits(high, 3)}`],
  ["ECE", ({ ece, eceInterval }) => spread(ece, eceInterval, percent)],
  ["Brier", ({ brier, brierInterval }) => spread(brier, brierInterval, (x) => digits(x, 3))],
  ["accuracy", ({ accuracy, accuracyInterval }) => spread(accuracy, accuracyInterval, percent)],
  ["AUROC", ({ auroc }) => (auroc === undefined ? undefined : percent(auroc))],
  ["FPR95", ({ fpr95 }) => (fpr95 === undefined ? undefined : percent(fpr95))],
  ["RMSE", ({ rmse, rmseInterval }) => spread(rmse, rmseInterval, (x) => digits(x, 3))],
];

export function tableRows(rows: LaplaceCommandResult["table"]): {
  readonly titles: string[];
  readonly cells: string[][];
} {
  const used = measures.filter(([, of]) => rows.some((row) => of(row) !== undefined));
  return {
    titles: used.map(([title]) => title),
    cells: rows.map((row) => [row.name, ...used.map(([, of]) => of(row) ?? "")]),
  };
}

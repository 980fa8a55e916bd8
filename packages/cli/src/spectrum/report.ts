/** A spectrum as an HTML report. */
import { operatorTitle } from "../operator/titles.ts";
import { type Html, html } from "../report/html.ts";
import { dataTable, figures, page, type Section } from "../report/page.ts";
import { count, digits, duration, shape } from "../terminal/quantity.ts";
import { densityChart, eigenvalueChart, gradientChart } from "./charts.ts";
import type { Eigenvalues, MeasuredSpectrum } from "./result.ts";

export function spectrumReport(result: MeasuredSpectrum): string {
  const { model, data, operator } = result;
  const sections = [summary(result), density(result), eigenvalues(result), parameters(result), settings(result)].filter(
    (section) => section !== undefined,
  );
  return page({
    title: `${operatorTitle(operator)} of ${nameOf(model.path)}`,
    subtitle: `${result.loss.reduction} ${result.loss.name} on ${count(data.rows)} rows of ${nameOf(data.path)}`,
    sections,
  });
}

function nameOf(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}

function summary({ lossValue, accuracy, gradientNorm, trace, largest, parameterCount }: MeasuredSpectrum): Section {
  const top = largest?.values[0];
  return {
    title: "At a glance",
    body: figures([
      ["loss", show(lossValue)],
      ...(accuracy === null ? [] : [["accuracy", `${(100 * accuracy).toFixed(2)} %`] as const]),
      ["gradient norm", show(gradientNorm)],
      ...(top === undefined ? [] : [["largest eigenvalue", digits(top)] as const]),
      ...(trace
        ? [["trace", digits(trace.mean), `± ${digits(trace.standardError, 2)} (standard error)`] as const]
        : []),
      ["parameters", count(parameterCount)],
    ]),
  };
}

function show(x: number | null): string {
  return x === null ? "not finite" : digits(x);
}

function density(result: MeasuredSpectrum): Section | undefined {
  const body = densityChart(result);
  if (!body || !result.density) return undefined;
  return {
    title: "Spectral density",
    explanation:
      `Where the ${count(result.parameterCount)} eigenvalues lie, each drawn as a Gaussian of width ${digits(result.density.width, 2)}, on a ` +
      "logarithmic scale; the curve integrates to one. Dots are the eigenvalues that were computed, at the height of a single one.",
    body,
  };
}

function eigenvalues(result: MeasuredSpectrum): Section | undefined {
  const picture = eigenvalueChart(result);
  if (!picture) return undefined;
  const rows = [...eigenvalueRows(result.largest, "largest"), ...eigenvalueRows(result.smallest, "smallest")];
  const columns = ["end", "number", "eigenvalue", "residual"];
  return {
    title: "Eigenvalues",
    explanation: "The residual ‖A v − λ v‖ bounds how far a true eigenvalue can be.",
    body: html`${picture}${dataTable(columns, rows, columns.slice(1))}`,
  };
}

function eigenvalueRows(found: Eigenvalues | null, end: string): string[][] {
  return (found?.values ?? []).map((value, i) => [
    end,
    String(i + 1),
    digits(value, 7),
    digits(found?.residuals[i] ?? 0, 2),
  ]);
}

function parameters(result: MeasuredSpectrum): Section {
  const rows = result.parameters.map((p) => [
    p.name,
    shape(p.shape),
    count(p.count),
    digits(p.norm),
    digits(p.gradientNorm),
  ]);
  const columns = ["parameter", "shape", "entries", "norm", "gradient norm"];
  return {
    title: "Gradient by parameter",
    explanation: "Euclidean norms of each parameter and of the loss's gradient with respect to it.",
    body: html`${gradientChart(result)}${dataTable(columns, rows, columns.slice(2))}`,
  };
}

function settings({ model, data, settings: given, seconds }: MeasuredSpectrum): Section {
  const rows: [string, string][] = [
    ["model", `${model.path}, sha256 ${model.sha256}`],
    ["producer", model.producer],
    ["prediction", model.prediction],
    ["data", `${data.path}, sha256 ${data.sha256}`],
    [
      "rows",
      `${count(data.rows)} in ${count(data.batches)} batches of ${count(data.batchSize)}; ${count(data.lossTerms)} loss terms`,
    ],
    ...Object.entries(given).map(([name, value]): [string, string] => [name, String(value)]),
    ...Object.entries(seconds).map(([stage, time]): [string, string] => [`time: ${stage}`, duration(time)]),
  ];
  const body: Html = dataTable(["setting", "value"], rows);
  return {
    title: "How this was made",
    explanation: "The same files, settings and versions give the same numbers.",
    body,
  };
}

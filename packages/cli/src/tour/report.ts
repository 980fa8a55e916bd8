/** The tour as an HTML report: the matrices side by side, and what sets them apart in figures. */
import { operatorTitle } from "../operator/titles.ts";
import { html } from "../report/html.ts";
import { dataTable, page, type Section } from "../report/page.ts";
import { count, digits, duration } from "../terminal/quantity.ts";
import { colourBar, matrixPicture } from "./picture.ts";
import type { TourResult } from "./result.ts";
import type { Tour } from "./run.ts";

export function tourReport({ result, matrices }: Tour, decades: number): string {
  const { model, parameterCount: n } = result;
  const largest = matrices.reduce((most, { entries }) => entries.reduce((m, x) => Math.max(m, Math.abs(x)), most), 0);
  const scale = { top: Math.log10(largest || 1), decades, parameters: result.parameters };
  const pictures = matrices.map(({ operator, entries }) => matrixPicture(entries, n, operatorTitle(operator), scale));
  const seen: Section = {
    title: "The matrices",
    explanation:
      `The magnitude of each of the ${count(n)} × ${count(n)} entries on one logarithmic scale for all pictures; lines part the ` +
      "parameters. KFAC and EKFAC know nothing between layers and are black there.",
    body: html`<div class="tour">${pictures}</div>${colourBar(scale)}`,
  };
  return page({
    title: `Curvature matrices of ${model.path.split("/").at(-1) ?? model.path}`,
    subtitle: `${count(n)} parameters, ${result.loss.reduction} ${result.loss.name} over ${count(result.data.rows)} rows`,
    sections: [seen, comparison(result), settings(result)],
  });
}

function comparison({ matrices }: TourResult): Section {
  const columns = ["matrix", "trace", "norm", "largest", "smallest", "rank", "from GGN", "from its blocks", "time"];
  const rows = matrices.map((one) => [
    operatorTitle(one.operator),
    ...[one.trace, one.norm, one.largest, one.smallest].map((x) => digits(x)),
    count(one.rank),
    digits(one.fromGgn, 3),
    digits(one.fromBlocks, 3),
    duration(one.seconds),
  ]);
  return {
    title: "In figures",
    explanation:
      "Frobenius norms; largest and smallest eigenvalue; eigenvalues above a millionth of the largest; distance to the " +
      "Gauss–Newton matrix and to its layers' blocks alone, relative to the norm of either.",
    body: dataTable(columns, rows, columns.slice(1)),
  };
}

function settings({ model, data, settings: given }: TourResult): Section {
  const rows: [string, string][] = [
    ["model", `${model.path}, sha256 ${model.sha256}`],
    ["data", `${data.path}, sha256 ${data.sha256}`],
    ["rows", `${count(data.rows)} in ${count(data.batches)} batches of ${count(data.batchSize)}`],
    ...Object.entries(given).map(([name, value]): [string, string] => [name, String(value)]),
  ];
  return {
    title: "How this was made",
    explanation: "The same files, settings and versions give the same numbers.",
    body: dataTable(["setting", "value"], rows),
  };
}

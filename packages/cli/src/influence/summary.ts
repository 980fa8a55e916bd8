/** What `hessonite influence` says of its scores: which rows, which sources, how sure. */
import { extremeRows, type InfluenceResult, type RankedRow } from "@hessonite/influence";
import { fileIdentity } from "../options/fileIdentity.ts";
import { version } from "../version.ts";
import { histogramOf } from "./histogram.ts";
import type { InfluenceOptions } from "./options.ts";
import type { InfluenceCommandResult } from "./result.ts";
import { type ScoreRows, scoreRows } from "./scoreRows.ts";
import type { RowNames } from "./writeScores.ts";

type Ranked = InfluenceCommandResult["queries"][number]["helpful"];

export async function summaryOf(
  options: InfluenceOptions,
  found: InfluenceResult,
  names: RowNames,
  engine: Readonly<Record<string, string | number>>,
): Promise<InfluenceCommandResult> {
  const { model, checkpoints = [], train, query } = options;
  const matrix = await scoreRows(found);
  return {
    kind: "influence",
    model: await fileIdentity(model),
    checkpoints: await Promise.all(checkpoints.map(fileIdentity)),
    train: { ...(await fileIdentity(train)), rows: found.rows, firstRow: names.firstRow },
    query: query ? { ...(await fileIdentity(query)), rows: found.queries, firstRow: names.firstQuery } : null,
    units: found.units,
    measurement: found.measurement,
    strategy: found.strategy,
    damping: found.damping.map(({ name, damping, evidence }) => ({
      name,
      damping,
      effectiveParameters: evidence?.effectiveParameters ?? null,
      curve: evidence?.curve ?? [],
    })),
    solve: found.solve ?? null,
    queries: await queriesOf(options, found, names, matrix),
    sources: sourcesOf(found),
    self: found.self ? named(extremeRows(found.self, options.top).helpful, names) : null,
    histogram: matrix ? await histogramOf(() => allOf(matrix, found.queries)) : null,
    notes: found.notes,
    scores: options.out ?? null,
    settings: settingsOf(options, found, engine),
    seconds: found.seconds,
  };
}

function named(list: readonly RankedRow[], { firstRow, rows }: RowNames, errors?: Float64Array): Ranked {
  return list.map(({ row, score }) => ({
    row: row + firstRow,
    ...(rows && { id: rows[row] ?? "" }),
    score,
    ...(errors && { standardError: errors[row] ?? 0 }),
  }));
}

async function queriesOf(
  { aggregate, top }: InfluenceOptions,
  found: InfluenceResult,
  names: RowNames,
  matrix: ScoreRows | undefined,
): Promise<InfluenceCommandResult["queries"]> {
  const queries: InfluenceCommandResult["queries"] = [];
  for (let q = 0; q < (matrix || found.top ? found.queries : 0); q++) {
    const errors = await matrix?.errors(q);
    const kept = found.top?.[q];
    const { helpful, harmful } = kept ?? extremeRows((await matrix?.total(q)) ?? new Float64Array(), top);
    queries.push({
      row: aggregate === "none" ? q + names.firstQuery : null,
      ...(names.queries && { id: names.queries[q] ?? "" }),
      helpful: named(helpful, names, errors),
      harmful: named(harmful, names, errors),
    });
  }
  return queries;
}

async function* allOf(matrix: ScoreRows, queries: number): AsyncGenerator<Float64Array> {
  for (let q = 0; q < queries; q++) yield await matrix.total(q);
}

function sourcesOf({ sources, queries }: InfluenceResult): InfluenceCommandResult["sources"] {
  if (!sources) return null;
  const { names, scores } = sources;
  const means = names.map((_, s) => {
    let sum = 0;
    for (let q = 0; q < queries; q++) sum += scores[q * names.length + s] ?? 0;
    return sum / queries;
  });
  return names.map((source, s) => ({ source, meanScore: means[s] ?? 0 })).sort((a, b) => b.meanScore - a.meanScore);
}

function settingsOf(
  options: InfluenceOptions,
  found: InfluenceResult,
  engine: Readonly<Record<string, string | number>>,
): InfluenceCommandResult["settings"] {
  return {
    hessonite: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    ...engine,
    loss: options.loss,
    measurement: found.measurement,
    strategy: options.strategy,
    fisher: options.fisher ?? "type-2 up to 128 classes × positions, else mc",
    inversion: options.inversion,
    detail: options.detail,
    aggregate: options.aggregate,
    ...(options.queryRank && { queryRank: options.queryRank }),
    seed: options.seed,
    batchSize: options.batchSize,
    checkpoints: found.checkpoints,
  };
}

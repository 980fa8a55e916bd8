/** Runs the influence plugin on files, and writes what it finds. */
import { createHost, readModel } from "@hessonite/core";
import { type InfluenceResult, influence, requireLabelForEachRow, rowLabels } from "@hessonite/influence";
import type { CommandContext } from "../command.ts";
import { openEngine } from "../options/engine.ts";
import { writeReport } from "../report/writeReport.ts";
import type { InfluenceOptions } from "./options.ts";
import { influenceReport } from "./report.ts";
import { requestOf } from "./request.ts";
import type { InfluenceCommandResult } from "./result.ts";
import { shownRows } from "./shownRows.ts";
import { summaryOf } from "./summary.ts";
import { type RowNames, writeScores } from "./writeScores.ts";

export async function runInfluence(
  options: InfluenceOptions,
  context: CommandContext,
): Promise<InfluenceCommandResult> {
  const { signal, progress } = context;
  const request = requestOf(options);
  for (const checkpoint of options.checkpoints ?? []) await readModel(checkpoint); // before hours are spent on the first
  await using engine = await openEngine(options);
  await using host = createHost({
    engine,
    memory: options.maxMemory,
    ...(options.cache && { cache: options.cache }),
  });
  const found = await progress.stage("influence", 100, (done) =>
    host.run(influence, request, {
      signal,
      onNote: context.note,
      onProgress: (at) => done(Math.round((100 * at.done) / Math.max(1, at.total))),
    }),
  );
  const names = await namesOf(options, found);
  if (options.out && options.stage === "scores") await writeScores(options.out, found, options, names);
  const result = await summaryOf(options, found, names, engine.settings);
  for (const note of found.notes) context.note(note);
  if (options.report) {
    const shown = await shownRows(options, result, signal);
    await writeReport(options.report, influenceReport(result, shown), context.note);
  }
  return result;
}

async function namesOf(options: InfluenceOptions, found: InfluenceResult): Promise<RowNames> {
  const { train, query, trainRows, queryRows, ids, queryIds } = options;
  const rows = ids ? await rowLabels(train, ids, trainRows) : undefined;
  const queries = queryIds && query ? await rowLabels(query, queryIds, queryRows) : undefined;
  if (rows) requireLabelForEachRow(rows, found.rows, ids ?? "");
  if (queries) requireLabelForEachRow(queries, found.queries, queryIds ?? "");
  return { firstRow: trainRows?.start ?? 0, firstQuery: queryRows?.start ?? 0, rows, queries };
}

/** Compares scores in a file with what happened. */
import { readTensors, type Tensor, UsageError } from "@hessonite/core";
import {
  datamodelingScore,
  leaveOneOut,
  type Resampled,
  rankingQuality,
  readRemovals,
  readRetraining,
  requireLabelForEachRow,
} from "@hessonite/influence";
import type { CommandContext } from "../command.ts";
import { writeReport } from "../report/writeReport.ts";
import type { EvaluateOptions, Evaluation } from "./evaluation.ts";
import { evaluationReport } from "./evaluationReport.ts";
import { evaluateTopRemoval } from "./topRemoval.ts";

export async function evaluateScores(options: EvaluateOptions, context: CommandContext): Promise<Evaluation> {
  const { scores: path, retraining, removals, removal, marked, report } = options;
  if (!retraining && !removals && !removal && !marked) {
    throw new UsageError("Cannot evaluate the scores as there is nothing to compare them with", {
      try: "--retraining, --removals, --removal or --marked",
    });
  }
  const found: Evaluation = {
    kind: "influence evaluation",
    ...(retraining ? await againstRetraining(path, retraining, options) : nothing),
    leaveOneOut: removals ? await againstRemovals(path, removals) : null,
    topRemoval: removal ? await evaluateTopRemoval(await pairwise(path), options, context) : null,
    marked: marked ? await againstMarks(path, marked) : null,
  };
  if (report) await writeReport(report, evaluationReport(found, path), context.note);
  return found;
}

type Retrained = Omit<Evaluation, "kind" | "leaveOneOut" | "topRemoval" | "marked">;

const nothing: Retrained = {
  queries: null,
  rows: null,
  subsets: null,
  seeds: null,
  score: null,
  overQueries: null,
  overSubsets: null,
  ceiling: null,
  perQuery: [],
};

async function arrayOf(path: string, name: string, how: string): Promise<Tensor> {
  const { tensors } = await readTensors(path);
  const stored = tensors.get(name);
  if (stored) return stored.read();
  throw new UsageError("Cannot evaluate as the file holds no scores of this kind", {
    at: path,
    expected: `an array "${name}"`,
    found: [...tensors.keys()].join(", "),
    try: how,
  });
}

const pairwise = (path: string): Promise<Tensor> => arrayOf(path, "scores", "hessonite influence … --out, detail sum");

async function againstRetraining(path: string, file: string, { resamples, seed }: EvaluateOptions): Promise<Retrained> {
  const [scores, truth] = [await pairwise(path), await readRetraining(file)];
  const found = datamodelingScore(scores.data, truth, { resamples, seed });
  const plain = ({ standardError, interval: [low, high] }: Resampled): Evaluation["overQueries"] => ({
    standardError,
    interval: [low, high],
  });
  const { queries, rows, subsets, seeds } = truth;
  return {
    ...{ queries, rows, subsets, seeds },
    score: found.score,
    overQueries: plain(found.overQueries),
    overSubsets: plain(found.overSubsets),
    ceiling: found.ceiling ? { ...found.ceiling } : null,
    perQuery: [...found.perQuery],
  };
}

async function againstRemovals(path: string, file: string): Promise<Evaluation["leaveOneOut"]> {
  const [scores, removals] = [await pairwise(path), await readRemovals(file)];
  return { removed: removals.rows.length, ...leaveOneOut(scores.data, scores.shape[1] ?? 0, removals) };
}

async function againstMarks(path: string, file: string): Promise<Evaluation["marked"]> {
  const self = await arrayOf(path, "self", "hessonite influence … --self --out");
  const marks = await arrayOf(file, "x", "an array x with a number a row");
  requireLabelForEachRow(Array.from(marks.data, String), self.data.length, file);
  const count = Array.from(marks.data).filter(Boolean).length;
  return { rows: count, areaUnderCurve: rankingQuality(self.data, marks.data) };
}

/** `hessonite factors`: Kronecker factors of every layer, shown and written to a file. */
import { stat } from "node:fs/promises";
import {
  buildOperator,
  type Dataset,
  type KfacOperator,
  type LinearOperator,
  type Problem,
  saveFactors,
  slice,
  UsageError,
} from "@hessonite/core";
import { z } from "zod";
import type { CommandContext } from "../command.ts";
import { openWith } from "../operator/setting.ts";
import { subjectOf, subjectSchema } from "../operator/subject.ts";
import { operatorText } from "../operator/text.ts";
import type { FactorsOptions } from "./options.ts";
import { blockSchema, summariesOf } from "./result.ts";

export const factorsResult = z.object({
  ...subjectSchema,
  blocks: z.array(blockSchema),
  rows: z.number().describe("rows that the factors are of, each as often as its weight says"),
  chosen: z.string().nullable().describe("what was chosen for the caller"),
  file: z.string().nullable(),
  bytes: z.int().nullable(),
});

export type FactorsResult = z.output<typeof factorsResult>;

export async function runFactors(
  options: FactorsOptions,
  { signal, progress }: CommandContext,
): Promise<FactorsResult> {
  const { shard, out, spectra } = options;
  const part = shard && ((data: Dataset) => partOf(data, shard));
  await using setting = await progress.stage("factors", 1, () =>
    openWith(options, signal, (problem) => factorsOf(options, problem), part),
  );
  const { operator, problem } = setting;
  const { factors } = operator;
  const subject = await subjectOf(options, setting, shard && { shard: `${shard.index}/${shard.of}` });
  const data = shard ? `${subject.data.sha256} ${shard.index}/${shard.of}` : subject.data.sha256;
  if (out) await saveFactors(out, problem, factors, { data });
  return {
    ...subject,
    blocks: await progress.stage("eigenvalues", 1, () => summariesOf(factors, spectra)),
    rows: factors.rows,
    chosen: factors.request.chosen ?? null,
    file: out ?? null,
    bytes: out ? (await stat(out)).size : null,
  };
}

async function factorsOf({ operator }: FactorsOptions, problem: Problem): Promise<KfacOperator> {
  const made = await buildOperator(operator, problem);
  if (hasFactors(made)) return made;
  throw new UsageError("Cannot give factors of this operator as it has none", {
    found: operatorText(operator),
    expected: "kfac, kfoc, tkfac or shampoo",
  });
}

const hasFactors = (operator: LinearOperator): operator is KfacOperator => "factors" in operator;

/** Part `index` of `of`, in whole batches where there are enough. */
function partOf(data: Dataset, { index, of }: { readonly index: number; readonly of: number }): Dataset {
  const { rows, batchSize = 1 } = data;
  if (rows === undefined) throw new UsageError("Cannot cut the data into parts as their number of rows is unknown");
  const unit = Math.ceil(rows / batchSize) >= of ? batchSize : 1;
  const cut = (i: number): number => Math.min(rows, Math.floor((i * Math.ceil(rows / unit)) / of) * unit);
  return slice(data, cut(index - 1), index === of ? rows : cut(index));
}

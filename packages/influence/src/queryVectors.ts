/** (H + δ)⁻¹ g_q of every query, block by block. */
import {
  type BlockFilter,
  type BlockShape,
  type BlockVectors,
  exampleGradientBlocks,
  MismatchError,
  type NumericArray,
  type Problem,
} from "@hessonite/core";
import { requireLabels } from "./curvature.ts";

/** @throws {MismatchError} unless queries and training data are asked of the same parameters. */
export function requireSameSpace(train: Problem, query: Problem): void {
  const [a, b] = [train, query].map(({ space }) =>
    space.parameters.map(({ name, shape }) => `${name}[${shape}]`).join(" "),
  );
  if (a === b) return;
  throw new MismatchError("Cannot score queries as they are asked of other parameters than the training data", {
    expected: a!,
    found: b!,
  });
}

/** The filtered gradients of all queries, `[Q, out, in]` for each block; without filters the gradients. */
export async function queryVectors(
  query: Problem,
  blocks: readonly BlockShape[],
  filters: readonly BlockFilter[] | undefined,
  signal?: AbortSignal,
): Promise<BlockVectors> {
  requireLabels(query);
  const { rows } = query.survey;
  const all: NumericArray[] = [];
  const options = { ...(filters && { filters }), ...(signal && { signal }) };
  for await (const { firstRow, blocks: found } of exampleGradientBlocks(query, blocks, options)) {
    found.forEach((data, i) => {
      const { out, in: width } = blocks[i]!;
      all[i] ??= sameKind(data, rows * out * width);
      all[i]!.set(data as never, firstRow * out * width);
    });
  }
  return { count: rows, blocks: all };
}

function sameKind(data: NumericArray, length: number): NumericArray {
  return data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
}

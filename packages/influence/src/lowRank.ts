/**
 * Query gradients of low rank: M ≈ Σ_r u_r v_rᵀ for each query and block, the best approximation of its rank.
 *
 * It needs r·(out + in) numbers instead of out·in, and as many multiplications a training row.
 *
 * Source: Grosse et al. (2023), arXiv:2308.03296, section 3.2.2 (query batching with low-rank gradients).
 */
import {
  type BlockShape,
  type BlockVectors,
  eighMany,
  type Matrix,
  matmul,
  matrix,
  transposeMatrix,
  UsageError,
} from "@hessonite/core";

/** Blocks that would not become smaller stay as they are. @throws {UsageError} unless the rank is a positive integer. */
export async function lowRank(
  vectors: BlockVectors,
  shapes: readonly BlockShape[],
  rank: number,
): Promise<BlockVectors> {
  if (!Number.isInteger(rank) || rank < 1) {
    throw new UsageError("Cannot approximate queries as the rank is not a positive integer", { found: rank });
  }
  const parts = await Promise.all(
    shapes.map(async ({ out, in: width }, b) => {
      const data = vectors.blocks[b]!;
      if (rank * (out + width) >= out * width) return { data, rank: null };
      return { data: await factored(Float64Array.from(data), vectors.count, [out, width], rank), rank };
    }),
  );
  return { count: vectors.count, blocks: parts.map(({ data }) => data), ranks: parts.map((part) => part.rank) };
}

/** `[count, rank, out + in]` of `[count, out, in]`: the leading eigenvectors of the smaller Gram matrix, and their images. */
async function factored(
  data: Float64Array,
  count: number,
  [out, width]: readonly [number, number],
  rank: number,
): Promise<Float64Array> {
  const each = Array.from({ length: count }, (_, q) =>
    matrix(out, width, data.subarray(q * out * width, (q + 1) * out * width)),
  );
  const tall = out > width;
  const grams = each.map((m) => (tall ? matmul(transposeMatrix(m), m) : matmul(m, transposeMatrix(m))));
  const result = new Float64Array(count * rank * (out + width));
  (await eighMany(grams)).forEach(({ vectors }, q) => {
    const leading = leadingColumns(vectors, rank);
    const images = tall ? matmul(each[q]!, leading) : matmul(transposeMatrix(each[q]!), leading);
    const [u, v] = tall ? [images, leading] : [leading, images];
    for (let r = 0; r < rank; r++) {
      const at = (q * rank + r) * (out + width);
      for (let i = 0; i < out; i++) result[at + i] = u.data[i * rank + r]!;
      for (let j = 0; j < width; j++) result[at + out + j] = v.data[j * rank + r]!;
    }
  });
  return result;
}

/** The columns of the largest eigenvalues; eigenvalues ascend. */
function leadingColumns({ rows, columns, data }: Matrix, rank: number): Matrix {
  const picked = new Float64Array(rows * rank);
  for (let i = 0; i < rows; i++) {
    for (let r = 0; r < rank; r++) picked[i * rank + r] = data[i * columns + columns - 1 - r]!;
  }
  return matrix(rows, rank, picked);
}

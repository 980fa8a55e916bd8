/** Eigendecompositions of factors, each kept as it is there. */
import { type Eigendecomposition, eighMany, type Matrix, matrix, type Problem, tensor } from "@hessonite/core";
import type { Arrays, FitKeeper } from "./fitShards.ts";
import type { CurvatureOptions } from "./options.ts";

/** As `eighMany`, those that `keeper` has taken from there; tells of each that was computed. */
export function keptEigh(
  { survey: { batchRows } }: Problem,
  { onProgress }: CurvatureOptions,
  keeper: FitKeeper | undefined,
): (matrices: readonly Matrix[]) => Promise<Eigendecomposition[]> {
  const key = (factor: number): object => ({ stage: "eigendecomposition", factor, batchRows });
  return async (matrices) => {
    const found = await Promise.all(matrices.map(async ({ rows }, i) => eigenIn(await keeper?.load(key(i)), rows)));
    const missing = [...matrices.keys()].filter((i) => !found[i]);
    await eighMany(
      missing.map((i) => matrices[i]!),
      {
        async onResult(at, one) {
          found[missing[at]!] = one;
          await keeper?.save(key(missing[at]!), arraysOf(one));
          onProgress?.({ stage: "eigendecomposition", done: missing[at]! + 1, total: matrices.length });
        },
      },
    );
    return found as Eigendecomposition[];
  };
}

const arraysOf = ({ values, vectors: { rows, columns, data } }: Eigendecomposition): Arrays => ({
  values: tensor("float64", [values.length], values),
  vectors: tensor("float64", [rows, columns], data),
});

/** Undefined where nothing is kept, or it is of another size. */
function eigenIn(arrays: Arrays | undefined, rows: number): Eigendecomposition | undefined {
  const { values, vectors } = arrays ?? {};
  if (values?.data.length !== rows || vectors?.data.length !== rows * rows) return undefined;
  return { values: new Float64Array(values.data), vectors: matrix(rows, rows, new Float64Array(vectors.data)) };
}

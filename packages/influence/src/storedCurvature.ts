/** A fitted curvature as arrays by name, so that a host can keep it between runs. */
import {
  type BlockEigen,
  type BlockShape,
  layerBlocks,
  type Matrix,
  matrix,
  type Problem,
  type Tensor,
  tensor,
  UsageError,
} from "@hessonite/core";
import { choicesOf, factorOptionsOf } from "./choices.ts";
import { type Curvature, curvatureOf, requireLabels } from "./curvature.ts";
import { type CurvatureParts, fitParts } from "./fitParts.ts";
import type { FitKeeper } from "./fitShards.ts";
import type { CurvatureOptions } from "./options.ts";

export type KeepArrays = (
  make: () => Promise<Readonly<Record<string, Tensor>>>,
) => Promise<Readonly<Record<string, Tensor>>>;

/** As `fitCurvature`; what is costly goes through `keep`, which may have it already; its sums through `keeper`. */
export async function keptCurvature(
  problem: Problem,
  options: CurvatureOptions,
  keep: KeepArrays,
  keeper?: FitKeeper,
): Promise<Curvature> {
  requireLabels(problem);
  let fresh: CurvatureParts | undefined;
  const arrays = await keep(async () => {
    fresh = await fitParts(problem, options, keeper);
    return arraysOf(problem, options, fresh);
  });
  return curvatureOf(problem, options, fresh ?? partsOf(problem, options, arrays));
}

const shapesOf = (problem: Problem, options: CurvatureOptions): readonly BlockShape[] =>
  layerBlocks(problem, { ...factorOptionsOf(options), fisher: "forward-only" }).blocks;

const square = ({ rows, columns, data }: Matrix): Tensor => tensor("float64", [rows, columns], data);
const line = (data: Float64Array): Tensor => tensor("float64", [data.length], data);

function arraysOf(
  problem: Problem,
  options: CurvatureOptions,
  { eigen, values, temperature }: CurvatureParts,
): Record<string, Tensor> {
  const arrays = shapesOf(problem, options).flatMap(({ name }, i): [string, Tensor][] => [
    ...(eigen
      ? ([
          [`${name} Q_G`, square(eigen[i]!.basis.qg)],
          ...(eigen[i]!.basis.qa ? [[`${name} Q_A`, square(eigen[i]!.basis.qa)]] : []),
          [`${name} eigenvalues of G`, line(eigen[i]!.g)],
          [`${name} eigenvalues of A`, line(eigen[i]!.a)],
        ] as [string, Tensor][])
      : []),
    ...(values ? ([[`${name} values`, square(values[i]!)]] as [string, Tensor][]) : []),
  ]);
  return { ...Object.fromEntries(arrays), temperature: line(Float64Array.of(temperature ?? Number.NaN)) };
}

/** @throws {UsageError} if an array that the strategy needs is not there, or is not of the block's size. */
function partsOf(
  problem: Problem,
  options: CurvatureOptions,
  arrays: Readonly<Record<string, Tensor>>,
): CurvatureParts {
  const { strategy } = choicesOf(options);
  const none = strategy === "identity" || strategy === "operator";
  const shapes = none ? [] : shapesOf(problem, options);
  const grid = (name: string, rows: number, columns = rows): Matrix => {
    const { shape, data } = arrays[name] ?? {};
    if (data && shape?.[0] === rows && shape[1] === columns) return matrix(rows, columns, new Float64Array(data));
    throw new UsageError("Cannot use the kept curvature as it is of another model", {
      expected: `${name} [${rows}, ${columns}]`,
      found: shape ? `[${shape.join(", ")}]` : Object.keys(arrays).slice(0, 4).join(", "),
    });
  };
  const numbers = (name: string): Float64Array => new Float64Array(arrays[name]?.data ?? []);
  const eigenOf = ({ name, out, in: width }: BlockShape): BlockEigen => ({
    basis: {
      qg: grid(`${name} Q_G`, out),
      ...(arrays[`${name} Q_A`] && { qa: grid(`${name} Q_A`, width) }),
    },
    g: numbers(`${name} eigenvalues of G`),
    a: numbers(`${name} eigenvalues of A`),
  });
  const [temperature = Number.NaN] = numbers("temperature");
  return {
    ...(!none && strategy !== "diagonal" && { eigen: shapes.map(eigenOf) }),
    ...(!none &&
      strategy !== "kfac" && {
        values: shapes.map(({ name, out, in: width }) => grid(`${name} values`, out, width)),
      }),
    temperature: Number.isNaN(temperature) ? null : temperature,
    seconds: {},
  };
}

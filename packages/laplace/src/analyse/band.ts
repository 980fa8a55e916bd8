/** The picture of a regression of one number on one: the function, how sure it is of itself, and where observations lie. */
import { type Dataset, datasetFromArrays, type NumericArray } from "@hessonite/core";
import type { Laplace } from "../fit.ts";
import { functionalVariance } from "../functionalVariance.ts";

export interface Band {
  /** The input's name. */
  readonly input: string;
  /** Standard deviations of the function, and of an observation. */
  readonly points: readonly {
    readonly x: number;
    readonly mean: number;
    readonly function: number;
    readonly observation: number;
  }[];
  /** Training rows (x, y), at most `mostData`. */
  readonly data: readonly (readonly [number, number])[];
}

const gridPoints = 161;
/** How far the grid reaches beyond the data, in their range. */
const beyond = 0.3;
const mostData = 1000;

/** Undefined unless one number is predicted from one, by a Gaussian likelihood or one with a spread. */
export async function bandOf(fit: Laplace, train: Dataset, signal?: AbortSignal): Promise<Band | undefined> {
  const { likelihood, problem } = fit;
  const { kind } = likelihood;
  const [port, ...others] = problem.model.inputs;
  const numbers = (shape: readonly number[]): number => shape.slice(1).reduce((a, b) => a * b, 1);
  const width = kind === "regression" ? 1 : kind === "spread" ? 2 : 0;
  if (!port || others.length > 0 || numbers(problem.survey.binding.prediction.shape) !== width) return undefined;
  const data: [number, number][] = [];
  for await (const { inputs, target, rows } of train.batches()) {
    const own = inputs[port.name];
    if (!own || !target || own.data.length !== rows) return undefined;
    for (let row = 0; row < rows && data.length < mostData; row++)
      data.push([Number(own.data[row]), Number(target.data[row])]);
  }
  const xs = data.map(([x]) => x);
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const reach = (1 + 2 * beyond) * (most - least || 1);
  const start = least - beyond * (most - least || 1);
  const grid = Float64Array.from({ length: gridPoints }, (_, i) => start + (reach * i) / (gridPoints - 1));
  const shape = [gridPoints, ...(port.shape?.slice(1) ?? [1]).map(() => 1)];
  const dtype = port.dtype === "float64" ? ("float64" as const) : ("float32" as const);
  const values: NumericArray = dtype === "float64" ? grid : Float32Array.from(grid);
  const query = datasetFromArrays(
    { inputs: { [port.name]: { dtype, shape, data: values } } },
    { batchSize: gridPoints },
  );
  const { mean, covariance } = await functionalVariance(fit, query, signal);
  const points = Array.from(grid, (x, i) => {
    const variance = covariance[i * width * width]!;
    const noise = kind === "regression" ? fit.noise ** 2 : Math.exp(mean[i * 2 + 1]! + 0.5 * covariance[i * 4 + 3]!);
    return { x, mean: mean[i * width]!, function: Math.sqrt(variance), observation: Math.sqrt(variance + noise) };
  });
  return { input: port.name, points, data };
}

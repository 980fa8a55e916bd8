/** Where operators are smooth: the interval from which each input is drawn when derivatives are checked. */
import { sizeOf } from "../ir/shape.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import type { OnnxModel } from "../onnx/model.ts";
import type { RandomStream } from "../random/random.ts";

type Domain = readonly [low: number, high: number];

const around: Domain = [-2, 2];
const positive: Domain = [0.5, 2];
const inside: Domain = [-0.7, 0.7];

/** By operator and input position, where it is not `around`. */
const domains: Readonly<Record<string, readonly (Domain | undefined)[]>> = {
  Acos: [inside],
  Acosh: [[1.5, 3]],
  Asin: [inside],
  Atanh: [inside],
  BatchNormalization: [undefined, undefined, undefined, undefined, positive],
  Clip: [undefined, [-1.2, -0.8], [0.8, 1.2]],
  Div: [undefined, positive],
  Log: [positive],
  Mod: [undefined, positive],
  Pow: [positive],
  Reciprocal: [positive],
  ReduceLogSum: [positive],
  Sqrt: [positive],
  Tan: [[-1, 1]],
};

/** Values for input `name` of a model of one node: all different, so that maxima are single. */
export function drawSmooth({ nodes }: OnnxModel, name: string, { dtype, shape }: Tensor, random: RandomStream): Tensor {
  const [node] = nodes;
  const [low, high] = domains[node?.opType ?? ""]?.[node?.inputs.indexOf(name) ?? 0] ?? around;
  const count = sizeOf(shape);
  const places = random.permutation(count);
  const values = Float64Array.from(
    places,
    (place) => low + ((high - low) * (place + 0.25 + 0.5 * random.uniform())) / count,
  );
  return tensor(dtype, shape, values);
}

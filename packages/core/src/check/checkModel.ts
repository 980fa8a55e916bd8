/**
 * Does everything that curvature is made of hold for this model? Loss, gradient, one Hessian and one GGN product, on
 * random data, on an engine and on the reference engine, against differences of the same program and against each other.
 */
import type { Batch } from "../data/dataset.ts";
import type { Engine } from "../engine/engine.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { UsageError } from "../errors.ts";
import { widenedDtype } from "../ir/elements.ts";
import type { InputValue } from "../ir/graph.ts";
import type { Shape } from "../ir/shape.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Loss } from "../loss/loss.ts";
import { squaredError } from "../loss/squaredError.ts";
import { defaultOutput } from "../onnx/defaultOutput.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { chooseParameters, type ParameterSelection } from "../onnx/select.ts";
import { type Binding, bindProblem } from "../operators/binding.ts";
import type { Vector } from "../operators/linearOperator.ts";
import { flatten, parameterSpace } from "../operators/parameterSpace.ts";
import { type RandomStream, randomStream } from "../random/random.ts";
import { type CheckGraphs, checkFlops, checkGraphs, slopeGraph } from "./checkGraphs.ts";
import { type Comparison, compared, differenceTolerances, fromDifferences } from "./comparison.ts";
import { checkDirection } from "./direction.ts";
import { type CheckPoint, checkEngine, gradientOn, predictionOn } from "./engineCheck.ts";
import { maskedEntries, suspiciousLoss } from "./maskedOutput.ts";
import { randomInputs, randomTarget } from "./randomBatch.ts";
import { stepsFor } from "./steps.ts";

export interface CheckRequest {
  readonly model: OnnxModel;
  /** Of every model input, by name. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** What is checked; the reference engine is run beside it. */
  readonly engine: Engine;
  /** Squared error unless given. */
  readonly loss?: Loss;
  readonly parameters?: ParameterSelection;
  /** The first of float type unless said. */
  readonly output?: string;
  /** In place of random data. */
  readonly batch?: Batch;
  readonly seed?: number;
  /** Floating-point operations up to which the reference engine runs too; 2·10⁹ unless said. */
  readonly referenceFlops?: number;
  readonly signal?: AbortSignal;
}

export interface ModelCheck {
  readonly output: string;
  readonly loss: string;
  /** P */
  readonly parameters: number;
  readonly comparisons: readonly Comparison[];
  readonly passed: boolean;
  /** Decisions (kinks, largest elements, branches) in the program, and how many differ at the ends of the largest step. */
  readonly decisions: number;
  readonly kinks: number;
  /** Entries of the output that stand for −∞ and are held at 0, and how many there are in all. */
  readonly masked: { readonly entries: number; readonly of: number };
  /** What the reference engine takes, and whether it ran. */
  readonly reference: { readonly flops: number; readonly limit: number; readonly ran: boolean };
}

/**
 * @throws {HessoniteError} if the model cannot be read into a graph, has no derivative, or an engine refuses it.
 *
 * @example
 * ```ts no-run
 * const check = await checkModel({ model: await readModel("model.onnx"), shapes: { x: [2, 3, 32, 32] }, engine });
 * console.log(check.passed, check.comparisons);
 * ```
 */
export async function checkModel(request: CheckRequest): Promise<ModelCheck> {
  const { engine, loss = squaredError(), seed = 0, referenceFlops = 2e9, signal } = request;
  const { graphs, point, gradient, blank } = await opened(request, loss, seed);
  const flops = checkFlops(graphs, stepsFor.float64.length);
  const ran = flops <= referenceFlops || engine.precision === "float64";
  await using reference = referenceEngine();
  const v = checkDirection(point, gradient, randomStream(seed, "direction"));
  const engines = engine.precision === "float64" ? [engine] : ran ? [reference, engine] : [engine];
  const comparisons: Comparison[] = [];
  let [decisions, kinks] = [0, 0];
  let exact: Awaited<ReturnType<typeof checkEngine>> | undefined;
  for (const one of engines) {
    const found = await checkEngine(one, graphs, point, v, { tolerances: differenceTolerances[one.precision], signal });
    comparisons.push(...fromDifferences(one, found));
    if (exact) comparisons.push(...compared(one, found.values, exact.values, point.space));
    exact ??= found;
    decisions = Math.max(decisions, found.decisions);
    kinks = Math.max(kinks, found.kinks);
  }
  return {
    output: request.output ?? defaultOutput(request.model),
    loss: loss.name,
    parameters: point.space.size,
    comparisons,
    passed: comparisons.every(({ passed }) => passed),
    decisions,
    kinks,
    masked: { entries: blank.filter(Boolean).length, of: sizeOf(graphs.binding.prediction.shape) },
    reference: { flops, limit: referenceFlops, ran },
  };
}

/** Everything that is checked, what an output hides left out. */
async function opened(
  request: CheckRequest,
  loss: Loss,
  seed: number,
  blank?: readonly boolean[],
): Promise<{ graphs: CheckGraphs; point: CheckPoint; gradient: Vector; blank: readonly boolean[] }> {
  const { engine } = request;
  const { binding, point } = checkPoint(request, loss, randomStream(seed, "check"), blank);
  const graphs = checkGraphs(binding);
  const { gradient, loss: value } = await gradientOn(engine, graphs, point);
  if (blank || Math.abs(value) < suspiciousLoss) return { graphs, point, gradient, blank: blank ?? [] };
  const hidden = maskedEntries(await predictionOn(engine, graphs, point));
  return hidden ? opened(request, loss, seed, hidden) : { graphs, point, gradient, blank: [] };
}

/** The model bound, with parameters, data, targets and unequal weights. */
function checkPoint(
  request: CheckRequest,
  loss: Loss,
  random: RandomStream,
  blank: readonly boolean[] | undefined,
): { binding: Binding; point: CheckPoint } {
  const { model, shapes, batch } = request;
  const chosen = chooseParameters(model, request.parameters)
    .filter((choice) => choice.chosen)
    .map((choice) => choice.initializer);
  const space = parameterSpace(chosen.map(({ name, shape, dtype }) => ({ name, shape, dtype: widenedDtype(dtype) })));
  const output = request.output ?? defaultOutput(model);
  const binding = bindProblem({ model, space, output, loss, ...(blank && { blank }) }, shapes);
  const { inputs, prediction, target, weights } = binding;
  const data = batch?.inputs ?? randomInputs(inputs, [prediction], random);
  const raw = batch?.target ?? randomTarget(loss, prediction.shape, random);
  const prepared = loss.prepare(raw, prediction.shape, "the check's data");
  const feeds = new Map<InputValue, Tensor>([...inputs].map(([name, input]) => [input, dataFor(name, data)]));
  feeds.set(target, prepared.target);
  feeds.set(weights, unequalWeights(weights.shape, prepared.weights, random));
  const theta = flatten(
    space,
    chosen.map((initializer) => initializer.read()),
  );
  return { binding, point: { space, theta, feeds, slope: slopeGraph(loss, binding) } };
}

function dataFor(name: string, data: Batch["inputs"]): Tensor {
  const value = data[name];
  if (value) return value;
  throw new UsageError("Cannot check the model as the data lack one of its inputs", {
    at: `input "${name}"`,
    found: Object.keys(data).join(", "),
  });
}

/** Between ½ and 3/2 of one over their number: a weight that is dropped somewhere shows. */
function unequalWeights(shape: Shape, own: Float64Array | undefined, random: RandomStream): Tensor {
  const count = sizeOf(shape);
  const data = Float64Array.from({ length: count }, (_, i) => ((own?.[i] ?? 1) * (0.5 + random.uniform())) / count);
  return { dtype: "float32", shape, data: Float64Array.from(Float32Array.from(data)) };
}

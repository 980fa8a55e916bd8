/**
 * A model with further outputs that follow from its prediction and from its derivatives by the weights.
 *
 * The file has the model's data inputs and outputs under their names, and what the caller emits beside them. It takes any number
 * of rows where that can be shown to be the same computation (onnx/anyBatch.ts), else the number that it is written for.
 */
import { writeFile } from "node:fs/promises";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { UsageError } from "../errors.ts";
import { GraphBuilder, graphOf } from "../ir/builder.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import type { Shape } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { encodeForAnyBatch } from "../onnx/anyBatch.ts";
import { bindModel } from "../onnx/bind.ts";
import { encodeModel } from "../onnx/encode.ts";
import type { OnnxModel } from "../onnx/model.ts";
import type { Binding } from "../operators/binding.ts";
import type { BlockShape } from "../operators/factors/blocks.ts";
import { covarianceForm, outputCovariance, type WeightCovariance } from "../operators/outputs/outputCovariance.ts";
import type { Problem } from "../operators/problem.ts";

/** What the caller emits from. */
export interface Extension {
  readonly g: GraphBuilder;
  /** f `[rows, …]` */
  readonly prediction: Value;
  /** J Σ Jᵀ of each row, `[rows, C, C]`. */
  covariance(blocks: readonly BlockShape[], weights: WeightCovariance): Value;
}

export interface ExtendedModelOptions {
  /** The model, its prediction and its weights. */
  readonly problem: Pick<Problem, "model" | "space" | "values" | "output" | "survey">;
  /** Further outputs by name. */
  readonly extend: (at: Extension) => Readonly<Record<string, Value>>;
  /** Rows of a file that cannot take any number; those of the problem's batches unless said. */
  readonly rows?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface ExtendedModel {
  /** Data inputs and outputs, in the file's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Undefined: any. */
  readonly rows: number | undefined;
  readonly bytes: number;
}

/**
 * Writes the model to `path`.
 *
 * @throws {UsageError} if a further output has the name of one that the model has.
 */
export async function writeExtendedModel(path: string, options: ExtendedModelOptions): Promise<ExtendedModel> {
  const { problem } = options;
  const fixed = problem.model.inputs.map(({ shape }) => shape?.[0]).find((d) => typeof d === "number");
  const rows = options.rows ?? fixed ?? problem.survey.batchRows;
  const free = fixed === undefined ? encodeForAnyBatch((n) => encodeAt(options, n).bytes) : undefined;
  const { bytes, inputs, outputs } = free ? { ...encodeAt(options, rows), bytes: free } : encodeAt(options, rows);
  await writeFile(path, bytes);
  return { inputs, outputs, rows: free ? undefined : rows, bytes: bytes.length };
}

interface Encoded {
  readonly bytes: Uint8Array;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** The file for a number of rows. */
function encodeAt({ problem, extend, metadata = {} }: ExtendedModelOptions, rows: number): Encoded {
  const { model, space, values, output, survey } = problem;
  const shapes = Object.fromEntries(
    [...survey.binding.inputs].map(([name, { shape }]) => [name, [rows, ...shape.slice(1)]]),
  );
  const kept = [output, ...model.outputs.map(({ name }) => name).filter((name) => name !== output)];
  const { binding, outputs } = bindOutputs(model, {
    shapes,
    parameters: space.parameters.map(({ name }) => name),
    kept,
  });
  const fed = new Map<InputValue, Tensor>(binding.parameters.map((input, i) => [input, values[i]!]));
  const added = extend({
    g: binding.g,
    prediction: binding.prediction,
    covariance(blocks, weights) {
      const { value, extra } = outputCovariance(binding, blocks, weights);
      const known = covarianceForm(blocks, weights).values;
      for (const input of extra) fed.set(input, known.get(input.name)!);
      return value;
    },
  });
  requireNew(kept, Object.keys(added));
  const names = [...binding.inputs.keys()];
  const constants = [...fed.keys()];
  const storedNames = freeNames(
    constants.map(({ name }) => name),
    names,
  );
  const graph = graphOf([...binding.inputs.values(), ...constants], [...outputs, ...Object.values(added)]);
  const outputNames = [...kept, ...Object.keys(added)];
  const { bytes } = encodeModel(new GraphBuilder(evaluateOp), graph, {
    inputNames: [...names, ...storedNames],
    outputNames,
    stored: new Map(constants.map((input, i) => [storedNames[i]!, { ...fed.get(input)!, dtype: input.dtype }])),
    metadata,
  });
  return { bytes, inputs: names, outputs: outputNames };
}

/** The model bound with all its outputs; target and loss are not there to be used. */
function bindOutputs(
  model: OnnxModel,
  {
    shapes,
    parameters,
    kept,
  }: {
    readonly shapes: Readonly<Record<string, Shape>>;
    readonly parameters: readonly string[];
    readonly kept: readonly string[];
  },
): { readonly binding: Binding; readonly outputs: readonly Value[] } {
  const bound = bindModel(model, { shapes, parameters, outputs: kept });
  const { g, inputs, outputs } = bound;
  const [prediction] = outputs as [Value, ...Value[]];
  const rows = prediction.shape[0] ?? 1;
  const target = g.input("target", prediction.dtype, prediction.shape);
  const weights = g.input("weights", prediction.dtype, [rows]);
  const binding: Binding = {
    key: `${rows}`,
    g,
    rows,
    inputs,
    parameters: bound.parameters,
    prediction,
    target,
    weights,
    loss: g.constant(0),
  };
  return { binding, outputs };
}

/** The names, each changed where it is taken. */
function freeNames(names: readonly string[], taken: readonly string[]): string[] {
  const all = new Set(taken);
  return names.map((name) => {
    let free = name;
    while (all.has(free)) free = `${free}_`;
    all.add(free);
    return free;
  });
}

function requireNew(known: readonly string[], added: readonly string[]): void {
  const taken = added.find((name) => known.includes(name));
  if (taken === undefined) return;
  throw new UsageError("Cannot add an output as the model has one of that name", {
    found: taken,
    try: "rename the model's output",
  });
}

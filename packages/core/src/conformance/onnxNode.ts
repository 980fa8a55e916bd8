/**
 * Runs ONNX's operator tests: each case is bound, lowered to core operators, compiled by an engine, and compared at the
 * case's tolerance.
 */
import { readTensors } from "../data/readTensors.ts";
import type { Engine } from "../engine/engine.ts";
import { EngineError, throwIfAborted, UnsupportedModelError } from "../errors.ts";
import type { InputValue } from "../ir/graph.ts";
import { sameShape, showShape } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { bindCase } from "./bindCase.ts";
import { type OnnxNodeCase, type PackedCase, packedCases } from "./onnxNodeCase.ts";

export interface OnnxNodeResult {
  readonly name: string;
  /** "unsupported" where the model is refused for a named reason, by us or by the engine. */
  readonly outcome: "passed" | "failed" | "unsupported";
  /** Why, unless it passed. */
  readonly reason?: string;
}

export interface OnnxNodeOptions {
  readonly engine: Engine;
  /** Called after each case. */
  readonly onResult?: (result: OnnxNodeResult) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs every case of an npz file.
 *
 * @returns One result a case, in the file's order.
 * @throws {UsageError} if the file is missing or holds no cases.
 */
export async function runOnnxNodeCases(
  path: string,
  { engine, onResult, signal }: OnnxNodeOptions,
): Promise<OnnxNodeResult[]> {
  const results: OnnxNodeResult[] = [];
  for (const one of packedCases(await readTensors(path, signal ? { signal } : {}))) {
    throwIfAborted(signal);
    const result = await runOnnxNodeCase(one, engine);
    results.push(result);
    onResult?.(result);
  }
  return results;
}

/** Runs one case. */
export async function runOnnxNodeCase({ name, read }: PackedCase, engine: Engine): Promise<OnnxNodeResult> {
  try {
    const one = await read();
    const computed = await evaluate(one, engine);
    const difference = [...one.outputs].flatMap(
      ([output, expected], i) => differenceOf(output, computed[i]!, expected, one) ?? [],
    );
    return difference.length === 0
      ? { name, outcome: "passed" }
      : { name, outcome: "failed", reason: difference.join("; ") };
  } catch (error) {
    const refused = error instanceof UnsupportedModelError || error instanceof EngineError;
    return { name, outcome: refused ? "unsupported" : "failed", reason: (error as Error).message };
  }
}

async function evaluate(one: OnnxNodeCase, engine: Engine): Promise<Tensor[]> {
  const { g, inputs, outputs } = bindCase(one);
  await using program = await engine.compile(g.build([...inputs.values()], outputs));
  const feeds = new Map<InputValue, Tensor>([...inputs].map(([name, input]) => [input, one.inputs.get(name)!]));
  return await program.run(feeds); // before the program is let go
}

/** |a − b| ≤ absolute + relative·|b| for every entry, as numpy.allclose; what differs first otherwise. */
function differenceOf(
  name: string,
  computed: Tensor,
  expected: Tensor,
  { tolerance }: OnnxNodeCase,
): string | undefined {
  if (!sameShape(computed.shape, expected.shape)) {
    return `output "${name}": expected shape ${showShape(expected.shape)}, found ${showShape(computed.shape)}`;
  }
  if (computed.dtype !== expected.dtype) return `output "${name}": expected ${expected.dtype}, found ${computed.dtype}`;
  const { relative, absolute } = tolerance;
  for (const [i, b] of expected.data.entries()) {
    const a = computed.data[i]!;
    const close =
      a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= absolute + relative * Math.abs(b);
    if (!close) return `output "${name}", element ${i}: expected ${b}, found ${a}`;
  }
  return undefined;
}

/**
 * Checks derivatives through ONNX's operator tests: node, attributes, shapes and integers of each case, its floats drawn
 * from where the operator is smooth.
 *
 *     s(x) = Σ c ⊙ f(x);   first order  d/dε s(x + εu),   second order  d/dε ⟨∇s(x + εw), u⟩
 *
 * Both orders in forward and in reverse mode, on the reference kernels, against fourth-order central differences of the
 * same function. Whether a point is smooth is decided by the differences alone: two step widths must agree.
 */
import { pushForward } from "../autodiff/linearize.ts";
import { gradient } from "../autodiff/pullBack.ts";
import { addAll } from "../autodiff/rule.ts";
import { readTensors } from "../data/readTensors.ts";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { throwIfAborted, UnsupportedModelError } from "../errors.ts";
import { type GraphBuilder, graphOf } from "../ir/builder.ts";
import { isFloat } from "../ir/dtype.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { type RandomStream, randomStream } from "../random/random.ts";
import { bindCase } from "./bindCase.ts";
import { type OnnxNodeCase, type PackedCase, packedCases } from "./onnxNodeCase.ts";
import { drawSmooth } from "./smoothDomain.ts";

export interface DerivativeResult {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why, unless it passed. */
  readonly reason?: string;
}

export interface DerivativeOptions {
  readonly onResult?: (result: DerivativeResult) => void;
  readonly signal?: AbortSignal;
}

/**
 * Checks every case of an npz file.
 *
 * @throws {UsageError} if the file is missing or holds no cases.
 */
export async function checkOnnxNodeDerivatives(
  path: string,
  { onResult, signal }: DerivativeOptions = {},
): Promise<DerivativeResult[]> {
  const results: DerivativeResult[] = [];
  for (const one of packedCases(await readTensors(path, signal ? { signal } : {}))) {
    throwIfAborted(signal);
    const result = await checkCase(one);
    results.push(result);
    onResult?.(result);
  }
  return results;
}

/** Attempts: another point, and a smaller step each. */
const steps = [1e-3, 1e-3, 1e-4, 1e-5];
/** Of 1 + |derivative|: what differences of this order and step are off by at most. */
const tolerance = 1e-6;

async function checkCase({ name, read }: PackedCase): Promise<DerivativeResult> {
  try {
    const one = await read();
    const scalar = scalarOf(one);
    if (typeof scalar === "string") return { name, outcome: "skipped", reason: scalar };
    for (const [attempt, step] of steps.entries()) {
      const verdict = checkAt(scalar, one, step, randomStream(attempt, name));
      if (verdict !== "not smooth")
        return verdict === "agrees" ? { name, outcome: "passed" } : { name, outcome: "failed", reason: verdict };
    }
    return { name, outcome: "skipped", reason: "no smooth point was found" };
  } catch (error) {
    const outcome = error instanceof UnsupportedModelError ? "skipped" : "failed";
    return { name, outcome, reason: (error as Error).message };
  }
}

/** Σ c ⊙ f, and what it is differentiated with respect to. */
interface Scalar {
  readonly g: GraphBuilder;
  readonly value: Value;
  readonly wrt: readonly InputValue[];
  readonly weights: readonly InputValue[];
  readonly inputs: ReadonlyMap<string, InputValue>;
}

/** The scalar, or why there is none. */
function scalarOf(one: OnnxNodeCase): Scalar | string {
  const { g, inputs, outputs } = bindCase(one);
  const wrt = [...inputs.values()].filter(({ dtype }) => isFloat(dtype));
  if (wrt.length === 0) return "no float input, but for constants";
  const floats = outputs.filter(({ dtype }) => isFloat(dtype));
  if (floats.length === 0) return "no float output";
  const weights = floats.map((y, i) => g.input(`c${i}`, y.dtype, y.shape));
  const value = floats
    .map((y, i) => g.total(g.mul(weights[i]!, finitePart(g, y))))
    .reduce((a, b) => g.add(a, g.cast(b, a.dtype)));
  return { g, value, wrt, weights, inputs };
}

/** Masked scores and maxima of nothing are −∞ whatever the input. */
const finitePart = (g: GraphBuilder, y: Value): Value => g.where(g.op("IsInf", [y], {}), 0, y);

type Verdict = "agrees" | "not smooth" | (string & {});

function checkAt(scalar: Scalar, one: OnnxNodeCase, step: number, random: RandomStream): Verdict {
  const at = new Map<InputValue, Tensor>();
  for (const [name, input] of scalar.inputs) {
    const given = one.inputs.get(name)!;
    at.set(input, isFloat(input.dtype) ? drawSmooth(one.model, name, given, random) : given);
  }
  for (const c of scalar.weights) at.set(c, direction(c.shape, random));
  return checkOrder(scalar, scalar.value, at, step, random, 1);
}

/** Both modes at this order; then the next order of the reverse-mode derivative. */
function checkOrder(
  { g, wrt, ...rest }: Scalar,
  value: Value,
  at: ReadonlyMap<InputValue, Tensor>,
  step: number,
  random: RandomStream,
  order: number,
): Verdict {
  const along = wrt.map(({ name, dtype, shape }) => g.input(`u_${name}`, dtype, shape));
  const point = new Map([...at, ...along.map((u) => [u, direction(u.shape, random)] as const)]);
  const f = (t: number): number => evaluateAt(value, moved(point, wrt, along, t));
  const numeric = centralDifference(f, step);
  if (!near(numeric, centralDifference(f, step / 2), tolerance / 10)) return "not smooth";

  const [pushed] = pushForward(g, [value], new Map(wrt.map((x, i) => [x, along[i] as Value])));
  const pulled = addAll(
    g,
    gradient(g, value, wrt).map((ct, i) => g.total(g.cast(g.mul(ct, along[i]!), value.dtype))),
  );
  for (const [mode, derivative] of Object.entries({ forward: pushed, reverse: pulled })) {
    const analytic = derivative ? evaluateAt(derivative, point) : 0;
    if (!near(analytic, numeric, tolerance))
      return `order ${order}, ${mode} mode: expected ${numeric}, found ${analytic}`;
  }
  if (order === 2 || !pulled) return "agrees";
  return checkOrder({ g, wrt, ...rest }, pulled, point, step, random, order + 1);
}

const near = (a: number, b: number, relative: number): boolean => Math.abs(a - b) <= relative * (1 + Math.abs(b));

/** Entries in ±[½, 1]: none is lost, none dominates. */
function direction(shape: Shape, random: RandomStream): Tensor {
  return tensor(
    "float64",
    shape,
    Float64Array.from({ length: sizeOf(shape) }, () => random.sign() * (0.5 + 0.5 * random.uniform())),
  );
}

function evaluateAt(value: Value, at: ReadonlyMap<InputValue, Tensor>): number {
  const [y] = evaluateGraph(graphOf([...at.keys()], [value]), at);
  return y!.data[0]!;
}

/** x + t·u, the rest as it was. */
function moved(
  at: ReadonlyMap<InputValue, Tensor>,
  wrt: readonly InputValue[],
  along: readonly InputValue[],
  t: number,
): Map<InputValue, Tensor> {
  const result = new Map(at);
  for (const [i, x] of wrt.entries()) {
    const [from, u] = [at.get(x)!, at.get(along[i]!)!];
    result.set(
      x,
      tensor(
        x.dtype,
        x.shape,
        Float64Array.from(from.data, (xk, k) => xk + t * u.data[k]!),
      ),
    );
  }
  return result;
}

/** f′(0) to fourth order: (f(−2h) − 8 f(−h) + 8 f(h) − f(2h)) / 12h. */
function centralDifference(f: (t: number) => number, h: number): number {
  return (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h);
}

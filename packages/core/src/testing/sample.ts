/** An operator in use: what rules, batching and engines are tried on. */
import type { GraphBuilder } from "../ir/builder.ts";
import type { Graph, InputValue, Value } from "../ir/graph.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import type { RandomStream } from "../random/random.ts";

/** An input of a sample: a float64 tensor with entries in a domain, int64 indices, or a bool tensor. */
export type SampleInput =
  | { readonly kind: "real"; readonly shape: Shape; readonly domain: readonly [low: number, high: number] }
  | { readonly kind: "index"; readonly shape: Shape; readonly range: readonly [first: number, end: number] }
  | { readonly kind: "truth"; readonly shape: Shape };

export interface Sample {
  /** Builds the function. It must be smooth wherever inputs can be drawn from, apart from where two reals are equal. */
  readonly emit: (g: GraphBuilder, ...inputs: Value[]) => Value;
  readonly inputs: readonly SampleInput[];
}

const dtypeOf = { real: "float64", index: "int64", truth: "bool" } as const;

/** The sample's function as a graph of its own. */
export function sampleGraph(g: GraphBuilder, { emit, inputs }: Sample): Graph & { readonly output: Value } {
  const values: InputValue[] = inputs.map(({ kind, shape }, i) => g.input(`x${i}`, dtypeOf[kind], shape));
  const output = emit(g, ...values);
  return { ...g.build(values, [output]), output };
}

/**
 * Random values for the inputs. All reals of a sample are kept apart from each other, so that no difference quotient
 * steps over a tie; indices run through their range from a random start, so that neighbours differ.
 */
export function drawInputs({ inputs }: Sample, random: RandomStream): Tensor[] {
  const count = inputs.reduce((n, input) => n + (input.kind === "real" ? sizeOf(input.shape) : 0), 0);
  const ranks = random.permutation(count).values();
  const draw = {
    real: ({ shape, domain: [low, high] }: SampleInput & { kind: "real" }): Tensor =>
      filled("float64", shape, () => {
        const place = (ranks.next().value ?? 0) + 0.25 + 0.5 * random.uniform();
        return low + ((high - low) * place) / count;
      }),
    index({ shape, range: [first, end] }: SampleInput & { kind: "index" }): Tensor {
      const start = random.integer(end - first);
      return filled("int64", shape, (i) => first + ((start + i) % (end - first)));
    },
    truth: ({ shape }: SampleInput & { kind: "truth" }): Tensor => filled("bool", shape, () => random.integer(2)),
  };
  return inputs.map((input) => (draw[input.kind] as (input: SampleInput) => Tensor)(input));
}

function filled(dtype: "float64" | "int64" | "bool", shape: Shape, entry: (i: number) => number): Tensor {
  return tensor(
    dtype,
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => entry(i)),
  );
}

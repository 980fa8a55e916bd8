/**
 * nanoGPT's character model: 6 blocks of width 384 with 6 heads, context 256, 65 characters, the head tied to the embedding.
 *
 * Written as exporters write it: attention and GELU in single operators, linear weights transposed.
 */
import { tensor } from "../src/ir/tensor.ts";
import { integers, type Net, net, scalar } from "./net.ts";

export interface GptShape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly context: number;
  readonly vocabulary: number;
}

/** @returns A file that takes token ids [batch, context] and gives logits [batch, vocabulary, context], as cross-entropy takes them. */
export function nanoGpt(
  shape: GptShape = { layers: 6, width: 384, heads: 6, context: 256, vocabulary: 65 },
): Uint8Array {
  const { layers, width, heads, context, vocabulary } = shape;
  const n = net();
  n.constant("into heads", integers(0, 0, heads, width / heads));
  n.constant("out of heads", integers(0, 0, width));
  for (const i of [0, 1, 2, 3]) n.constant(`part ${i}`, integers(i * width));
  n.constant("last axis", integers(2));
  n.constant("scale", scalar(1 / Math.sqrt(width / heads)));
  n.constant("−∞", scalar(Number.NEGATIVE_INFINITY));
  n.constant("√2", scalar(Math.SQRT2));
  n.constant("1", scalar(1));
  n.constant("½", scalar(0.5));
  const causal = Uint8Array.from({ length: context ** 2 }, (_, i) => (i % context > Math.floor(i / context) ? 1 : 0));
  n.constant("future", tensor("bool", [1, 1, context, context], causal));
  const table = n.weight("wte.weight", [vocabulary, width], 0.02);
  const tokens = n.add("Gather", "wte", [table, "x"]);
  let at = n.add("Add", "embedded", [tokens, n.weight("wpe.weight", [context, width], 0.02)]);
  for (let i = 0; i < layers; i++) at = block(n, `h.${i}`, at, width);
  at = normalisation(n, "ln_f", at, width);
  const head = n.add("Transpose", "lm_head.weight", [table], { perm: [1, 0] });
  const logits = n.add("MatMul", "logits", [at, head]);
  const classesFirst = n.add("Transpose", "logits of classes", [logits], { perm: [0, 2, 1] });
  return n.encode({ name: "x", dtype: "int64", shape: ["batch", context] }, classesFirst);
}

function block(n: Net, name: string, x: string, width: number): string {
  const attended = attention(n, `${name}.attn`, normalisation(n, `${name}.ln_1`, x, width), width);
  const middle = n.add("Add", `${name}.add_1`, [x, attended]);
  const wide = linear(n, `${name}.mlp.c_fc`, normalisation(n, `${name}.ln_2`, middle, width), width, 4 * width);
  const narrow = linear(n, `${name}.mlp.c_proj`, gelu(n, `${name}.mlp.gelu`, wide), 4 * width, width);
  return n.add("Add", `${name}.add_2`, [middle, narrow]);
}

/** softmax(Q Kᵀ / √d, the past alone) V, all heads side by side. */
function attention(n: Net, name: string, x: string, width: number): string {
  const all = linear(n, `${name}.c_attn`, x, width, 3 * width);
  const [q, k, v] = ["q", "k", "v"].map((which, i) => {
    const part = n.add("Slice", `${name}.${which}`, [all, `part ${i}`, `part ${i + 1}`, "last axis"]);
    const heads = n.add("Reshape", `${name}.${which}_split`, [part, "into heads"]);
    return n.add("Transpose", `${name}.${which}_heads`, [heads], { perm: which === "k" ? [0, 2, 3, 1] : [0, 2, 1, 3] });
  }) as [string, string, string];
  const scores = n.add("Mul", `${name}.scaled`, [n.add("MatMul", `${name}.scores`, [q, k]), "scale"]);
  const masked = n.add("Where", `${name}.masked`, ["future", "−∞", scores]);
  const mixed = n.add("MatMul", `${name}.mixed`, [n.add("Softmax", `${name}.softmax`, [masked], { axis: -1 }), v]);
  const joined = n.add("Reshape", `${name}.joined`, [
    n.add("Transpose", `${name}.tokens`, [mixed], { perm: [0, 2, 1, 3] }),
    "out of heads",
  ]);
  return linear(n, `${name}.c_proj`, joined, width, width);
}

/** x/2 · (1 + erf(x/√2)) */
function gelu(n: Net, name: string, x: string): string {
  const erf = n.add("Erf", `${name}.erf`, [n.add("Div", `${name}.div`, [x, "√2"])]);
  const product = n.add("Mul", `${name}.mul`, [x, n.add("Add", `${name}.add`, [erf, "1"])]);
  return n.add("Mul", name, [product, "½"]);
}

function linear(n: Net, name: string, x: string, from: number, to: number): string {
  const product = n.add("MatMul", `${name}.matmul`, [x, n.weight(`${name}.weight`, [from, to], 0.02)]);
  return n.add("Add", name, [n.weight(`${name}.bias`, [to], 0.02), product]);
}

function normalisation(n: Net, name: string, x: string, width: number): string {
  return n.add(
    "LayerNormalization",
    name,
    [x, n.weight(`${name}.weight`, [width], 0.1, 1), n.weight(`${name}.bias`, [width], 0.1)],
    { axis: -1, epsilon: { float: 1e-5 } },
  );
}

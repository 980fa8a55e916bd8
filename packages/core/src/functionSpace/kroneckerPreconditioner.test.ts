/** The approximate inverse of a sum of curvatures is the inverse where that is known: times the sum it gives v back. */
import { it } from "vitest";
import { randomMatrix } from "../linalg/knownMatrices.ts";
import { gram, identity, type Matrix, matmul, matrix, scale } from "../linalg/matrix.ts";
import type { KroneckerBlock, KroneckerFactors } from "../operators/factors/kroneckerFactors.ts";
import { expectClose } from "../testing/expectClose.ts";
import { kroneckerPreconditioner } from "./kroneckerPreconditioner.ts";

const [out, width] = [3, 5];
const shape = {
  name: "w",
  layer: 0,
  kind: "matrix",
  group: null,
  out,
  in: width,
  joint: false,
  index: Int32Array.from({ length: out * width }, (_, i) => i),
} as const;

const factorsOf = (g: Matrix, a: Matrix): KroneckerFactors => ({
  request: { fisher: { fisher: "forward-only" }, approximation: "expand", bias: "joint", groups: "exact" },
  rows: 4,
  count: 4,
  reduction: "sum",
  blocks: [{ ...shape, g, a } satisfies KroneckerBlock],
});

const inputs = [1, 2].map((seed) => gram(randomMatrix(4, width, seed), { of: "columns" }));

it.each([
  ["multiples of the identity", [identity(out), scale(2.5, identity(out))]],
  [
    "the same for all",
    [gram(randomMatrix(4, out, 3), { of: "columns" }), gram(randomMatrix(4, out, 3), { of: "columns" })],
  ],
])("is the inverse where the output sides are %s", async (_, outputs) => {
  const weights = [0.3, 0.7];
  const damping = 0.05;
  const v = matrix(out, width, randomMatrix(out, width, 4).data);
  // Σ α G M A + δ M
  const product = scale(damping, v);
  for (const [i, a] of inputs.entries()) {
    const own = matmul(matmul(outputs[i]!, v), a);
    own.data.forEach((x, k) => {
      product.data[k]! += weights[i]! * x;
    });
  }
  const list = inputs.map((a, i) => factorsOf(outputs[i]!, a));
  const found = await (await kroneckerPreconditioner(list, weights, v.data.length, damping)).apply(product.data);
  expectClose(found, v.data, "v");
});

/**
 * The blocks of a matrix that belong to single layers, known by products with the whole.
 *
 *     B = Σ_l P_l A P_l        P_l keeps the entries of layer l
 *
 * A product of B takes one of A with as many rows as there are layers.
 */
import { type KroneckerFactors, type LinearOperator, positiveSemidefinite } from "@hessonite/core";

/** Which layer each entry belongs to; entries of no layer make one more. */
export function layerNumbers({ blocks }: KroneckerFactors, size: number): Int32Array {
  const layers = new Int32Array(size).fill(Math.max(-1, ...blocks.map(({ layer }) => layer)) + 1);
  for (const { index, layer } of blocks) for (const at of index) layers[at] = layer;
  return layers;
}

export function blockDiagonal(a: LinearOperator, layers: Int32Array): LinearOperator {
  const numbers = [...new Set(layers)];
  const size = layers.length;
  const self: LinearOperator = {
    name: `block diagonal of ${a.name}`,
    shape: a.shape,
    structure: positiveSemidefinite,
    adjoint: () => self,
    async apply(v, { k = 1, signal } = {}) {
      const out = new Float64Array(v.length);
      for (let row = 0; row < k; row++) {
        const own = v.subarray(row * size, (row + 1) * size);
        const parts = new Float64Array(numbers.length * size);
        for (const [i, number] of numbers.entries())
          parts.set(
            own.map((x, at) => (layers[at] === number ? x : 0)),
            i * size,
          );
        const products = await a.apply(parts, { k: numbers.length, ...(signal ? { signal } : {}) });
        for (const [at, layer] of layers.entries())
          out[row * size + at] = products[numbers.indexOf(layer) * size + at] ?? 0;
      }
      return out;
    },
  };
  return self;
}

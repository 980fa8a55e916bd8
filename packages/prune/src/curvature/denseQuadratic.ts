/** Curvature as a whole matrix, for small models and layers: C = H + λ I. */
import { choleskyInverse, choleskySolve, choleskySync, type Matrix, matrix, type Vector } from "@hessonite/core";
import { inverseForm } from "../layerwise/smallSolve.ts";
import { maskedOrigin, type Quadratic, unitCount } from "./quadratic.ts";

/**
 * @param hessian H, symmetric and positive semidefinite, over the weights at `index`.
 * @param index Positions in the flat vector of H's rows; all in order unless given.
 *
 * Cost: k³ / 3 for an optimum of k weights, k³ for their costs.
 */
export function denseQuadratic(
  name: string,
  origin: Vector,
  hessian: Matrix,
  lambda: number,
  index: Int32Array = Int32Array.from({ length: origin.length }, (_, at) => at),
): Quadratic {
  const damped = matrix(hessian.rows, hessian.columns, hessian.data.slice());
  for (let i = 0; i < damped.rows; i++) damped.data[i * (damped.columns + 1)]! += lambda;
  const placeOf = new Map([...index].map((at, place) => [at, place]));
  const keptPlaces = (kept: Uint8Array): number[] => [...index.keys()].filter((place) => kept[index[place]!]);
  const form = (delta: Float64Array): number =>
    0.5 * delta.reduce((sum, x, i) => (x === 0 ? sum : sum + x * rowProduct(damped, i, delta)), 0);
  return {
    name: `${name}, λ ${lambda.toExponential(1)}`,
    origin,
    async optimum(kept) {
      const theta = maskedOrigin(origin, kept);
      const places = keptPlaces(kept);
      const lost = Float64Array.from(index, (at) => (kept[at] ? 0 : origin[at]!));
      if (places.length > 0) {
        const right = Float64Array.from(places, (place) => rowProduct(damped, place, lost));
        const moved = choleskySolve(choleskySync(principal(damped, places)), matrix(places.length, 1, right)).data;
        places.forEach((place, k) => {
          theta[index[place]!]! += moved[k]!;
        });
      }
      const delta = Float64Array.from(index, (at) => theta[at]! - origin[at]!);
      return { theta, rise: form(delta) };
    },
    async costs(kept, theta, units) {
      const places = keptPlaces(kept);
      if (places.length === 0) return new Float64Array(0);
      const inverse = choleskyInverse(choleskySync(principal(damped, places)));
      const rank = new Map(places.map((place, k) => [place, k]));
      return Float64Array.from({ length: unitCount(units) }, (_, u) => {
        const members = [...units.members.subarray(u * units.size, (u + 1) * units.size)];
        const own = members.map((at) => rank.get(placeOf.get(at)!)!);
        const part = principal(inverse, own);
        return Math.max(
          0,
          0.5 *
            inverseForm(
              part.data,
              own.length,
              Float64Array.from(members, (at) => theta[at]!),
              1,
            ),
        );
      });
    },
    async solve(kept, x) {
      const places = keptPlaces(kept);
      const out = new Float64Array(x.length);
      if (places.length === 0) return out;
      const right = Float64Array.from(places, (place) => x[index[place]!]!);
      const solved = choleskySolve(choleskySync(principal(damped, places)), matrix(places.length, 1, right)).data;
      places.forEach((place, k) => {
        out[index[place]!] = solved[k]!;
      });
      return out;
    },
    rise: async (delta) => form(Float64Array.from(index, (at) => delta[at]!)),
  };
}

function rowProduct({ columns, data }: Matrix, i: number, x: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < columns; j++) sum += data[i * columns + j]! * x[j]!;
  return sum;
}

/** A[index, index] */
function principal({ columns, data }: Matrix, index: readonly number[]): Matrix {
  const n = index.length;
  const part = matrix(n, n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) part.data[i * n + j] = data[index[i]! * columns + index[j]!]!;
  return part;
}

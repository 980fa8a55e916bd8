/** Quadratics of disjoint parts of the vector as one: what is block-diagonal is chosen and solved block by block. */
import type { Vector } from "@hessonite/core";
import { maskedOrigin, type Quadratic, unitCount } from "./quadratic.ts";

export interface QuadraticPart {
  /** Of a vector as long as `index`. */
  readonly quadratic: Quadratic;
  /** Positions in the whole vector. */
  readonly index: Int32Array;
}

/** @param parts Disjoint; a unit must lie in one part. Weights of no part are free of cost. */
export function blockQuadratic(name: string, origin: Vector, parts: readonly QuadraticPart[]): Quadratic {
  const partOf = new Int32Array(origin.length).fill(-1);
  const placeOf = new Int32Array(origin.length);
  parts.forEach(({ index }, p) => {
    index.forEach((at, place) => {
      partOf[at] = p;
      placeOf[at] = place;
    });
  });
  return {
    name,
    origin,
    async optimum(kept) {
      const theta = maskedOrigin(origin, kept);
      let rise = 0;
      for (const { quadratic, index } of parts) {
        const own = await quadratic.optimum(Uint8Array.from(index, (at) => kept[at]!));
        index.forEach((at, place) => {
          theta[at] = own.theta[place]!;
        });
        rise += own.rise;
      }
      return { theta, rise };
    },
    async costs(kept, theta, { size, members }) {
      const out = new Float64Array(unitCount({ size, members }));
      for (const [p, { quadratic, index }] of parts.entries()) {
        const own: number[] = [];
        for (let u = 0; u < out.length; u++) if (partOf[members[u * size]!] === p) own.push(u);
        if (own.length === 0) continue;
        const places = own.flatMap((u) => [...members.subarray(u * size, (u + 1) * size)].map((at) => placeOf[at]!));
        const costs = await quadratic.costs(
          Uint8Array.from(index, (at) => kept[at]!),
          Float64Array.from(index, (at) => theta[at]!),
          { size, members: Int32Array.from(places) },
        );
        own.forEach((u, k) => {
          out[u] = costs[k]!;
        });
      }
      return out;
    },
    async solve(kept, x) {
      const out = new Float64Array(x.length);
      for (const { quadratic, index } of parts) {
        const own = await quadratic.solve(
          Uint8Array.from(index, (at) => kept[at]!),
          Float64Array.from(index, (at) => x[at]!),
        );
        index.forEach((at, place) => {
          out[at] = own[place]!;
        });
      }
      return out;
    },
    async rise(delta) {
      let sum = 0;
      for (const { quadratic, index } of parts)
        sum += await quadratic.rise(Float64Array.from(index, (at) => delta[at]!));
      return sum;
    },
  };
}

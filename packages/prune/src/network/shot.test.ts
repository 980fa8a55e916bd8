/** A shot's rounds: how much goes in each, and what is cheapest at the time. */
import { matmul, randomStream } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { denseQuadratic } from "../curvature/denseQuadratic.ts";
import type { Quadratic } from "../curvature/quadratic.ts";
import { bestOnKept, normalMatrix } from "../layerwise/knownLayers.ts";
import { shoot } from "./shot.ts";

const size = 16;
const stream = randomStream(9, "shot");
const v = normalMatrix(stream, 40, size);
const hessian = matmul(v, v, { a: true });
const origin = normalMatrix(stream, 1, size).data;
const whole = [{ size: 1, members: Int32Array.from({ length: size }, (_, at) => at) }];
const all = new Uint8Array(size).fill(1);

/** The quadratic, and how many weights were kept whenever costs were asked for. */
function watched(): { quadratic: Quadratic; kept: number[] } {
  const base = denseQuadratic("matrix", origin, hessian, 1e-9);
  const kept: number[] = [];
  const quadratic: Quadratic = {
    ...base,
    costs: (mask, theta, units) => {
      kept.push(mask.reduce((sum, k) => sum + k, 0));
      return base.costs(mask, theta, units);
    },
  };
  return { quadratic, kept };
}

describe("a shot", () => {
  it("shrinks what is kept by the same factor in each round", async () => {
    const { quadratic, kept } = watched();
    const { kept: mask } = await shoot(quadratic, whole, all, { zeros: 14, rounds: 3 });
    expect(kept).toEqual([16, 8, 4]); // on the way from 16 to 2
    expect(mask.reduce((sum, k) => sum + k, 0)).toBe(2);
  });

  it("with a round for each weight is greedy by two constrained minima, and ends at the minimum of its mask", async () => {
    const { quadratic } = watched();
    const found = await shoot(quadratic, whole, all, { zeros: 8, rounds: 400 });
    let kept = [...all.keys()];
    for (let step = 0; step < 8; step++) {
      const without = kept.map((at) => kept.filter((other) => other !== at));
      kept = without.reduce((best, one) =>
        bestOnKept(hessian, origin, one).loss < bestOnKept(hessian, origin, best).loss ? one : best,
      );
    }
    expect([...found.kept.keys()].filter((at) => found.kept[at])).toEqual(kept);
    const { w, loss } = bestOnKept(hessian, origin, kept);
    found.theta.forEach((value, at) => expect(value).toBeCloseTo(w[at]!, 6));
    expect(found.predicted).toBeCloseTo(loss, 6);
  });
});

/**
 * The direction of a check: half along the gradient, half random, each parameter scaled to its own size.
 *
 *     v_p = ‖θ_p‖ (∇_p/‖∇_p‖ + r_p/‖r_p‖) / √2
 *
 * The part along the gradient keeps ⟨∇L, v⟩ far from 0, where float32 differences would drown; the random part makes every
 * entry count.
 */
import { norm } from "../linalg/vector.ts";
import type { Vector } from "../operators/linearOperator.ts";
import type { RandomStream } from "../random/random.ts";
import type { CheckPoint } from "./engineCheck.ts";
import { combined } from "./steps.ts";

export function checkDirection({ space, theta }: CheckPoint, gradient: Vector, random: RandomStream): Vector {
  const v = new Float64Array(space.size);
  for (const { offset, size } of space.parameters) {
    const part = (x: Vector): Vector => x.subarray(offset, offset + size);
    const noise = new Float64Array(size);
    for (let i = 0; i < size; i++) noise[i] = random.normal();
    const along = unit(part(gradient));
    const across = unit(noise);
    const scale = (norm(part(theta)) || 1) / Math.SQRT2;
    const sum = combined(along, scale, across, scale);
    for (let i = 0; i < size; i++) v[offset + i] = Math.fround(sum[i]!);
  }
  return v;
}

function unit(x: Vector): Vector {
  const length = norm(x) || 1;
  return combined(x, 1 / length, x, 0);
}

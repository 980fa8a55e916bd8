/**
 * Model stock: between the base and the average, as far as the angle between the task vectors says.
 *
 *     θ = t θ̄ + (1 − t) θ_0,    t = n cos ω / (1 + (n − 1) cos ω)
 *
 * ω is the angle between two task vectors; for more than two models cos ω is the mean over pairs.
 *
 * Source: Jang, Yun, Han (2024), Model stock: all we need is just a few fine-tuned models, arXiv:2403.19522.
 */
import { type Tensor, UsageError } from "@hessonite/core";
import { average } from "./average.ts";
import { combine, difference, inner, length } from "./entries.ts";

export interface ModelStockOptions {
  /** One angle for the tensor, or one for each of its rows (vectors along the last axis). The tensor unless said. */
  readonly per?: "tensor" | "row";
}

/** @throws {UsageError} for fewer than two models. */
export function modelStock(
  base: Tensor,
  tensors: readonly Tensor[],
  { per = "tensor" }: ModelStockOptions = {},
): Tensor {
  if (tensors.length < 2) {
    throw new UsageError("Cannot take a model stock as there are fewer than two models", { found: tensors.length });
  }
  const width = per === "row" ? (base.shape.at(-1) ?? 1) : base.data.length;
  const rows = Array.from({ length: base.data.length / width }, (_, r) => [r * width, (r + 1) * width] as const);
  const vectors = tensors.map((tensor) => difference(tensor, base).data);
  const shares = rows.map(([from, to]) => share(vectors.map((v) => v.subarray(from, to))));
  return combine([average(tensors), base], ([mean = 0, origin = 0], k) => {
    const t = shares[Math.floor(k / width)] ?? 1;
    return t * mean + (1 - t) * origin;
  });
}

function share(vectors: readonly ArrayLike<number>[]): number {
  const n = vectors.length;
  const cosines = vectors.flatMap((x, i) => vectors.slice(i + 1).map((y) => cosine(x, y)));
  const cos = cosines.reduce((sum, c) => sum + c, 0) / cosines.length;
  return (n * cos) / (1 + (n - 1) * cos);
}

/** Task vectors shorter than this have no direction to speak of. */
const tiny = 1e-6;

function cosine(x: ArrayLike<number>, y: ArrayLike<number>): number {
  return Math.min(1, Math.max(-1, inner(x, y) / Math.max(length(x) * length(y), tiny)));
}

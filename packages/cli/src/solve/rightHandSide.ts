/** Right-hand sides: the loss's gradient, or vectors from a file. */
import {
  gradientAndLoss,
  MismatchError,
  type ParameterSpace,
  type Problem,
  readTensors,
  UsageError,
} from "@hessonite/core";

export interface RightHandSide {
  /** K contiguous rows. */
  readonly rows: Float64Array;
  readonly k: number;
}

export async function rightHandSide(problem: Problem, from: string, signal: AbortSignal): Promise<RightHandSide> {
  if (from !== "gradient") return fromFile(problem.space, from);
  return { rows: (await gradientAndLoss(problem, { signal })).gradient, k: 1 };
}

async function fromFile(space: ParameterSpace, path: string): Promise<RightHandSide> {
  const { tensors } = await readTensors(path);
  const [only] = tensors.values();
  if (space.parameters.every(({ name }) => tensors.has(name))) return fromParts(space, path, tensors);
  if (!only || tensors.size > 1) {
    const missing = space.parameters.find(({ name }) => !tensors.has(name));
    throw new UsageError("Cannot use the right-hand side as it is neither one array nor one for each parameter", {
      at: path,
      expected: `an array "${missing?.name}" beside the others, or one array [${space.size}]`,
      found: [...tensors.keys()].slice(0, 8).join(", ") || "no arrays",
    });
  }
  const { data } = await only.read();
  if (data.length === 0 || data.length % space.size !== 0) {
    throw new MismatchError("Cannot use the right-hand side as its length is not that of the parameters", {
      at: `${path}, array "${only.name}"`,
      expected: `${space.size}, or a multiple`,
      found: data.length,
    });
  }
  return { rows: Float64Array.from(data), k: data.length / space.size };
}

async function fromParts(
  { parameters, size }: ParameterSpace,
  path: string,
  tensors: Awaited<ReturnType<typeof readTensors>>["tensors"],
): Promise<RightHandSide> {
  const parts = await Promise.all(parameters.map(async ({ name }) => (await tensors.get(name)?.read())?.data ?? []));
  const k = (parts[0]?.length ?? 0) / (parameters[0]?.size ?? 1);
  const rows = new Float64Array(k * size);
  for (const [i, { name, size: length, offset }] of parameters.entries()) {
    const part = Float64Array.from(parts[i] ?? []);
    if (part.length !== k * length || !Number.isInteger(k)) {
      throw new MismatchError("Cannot use the right-hand side as an array has not as many entries as its parameter", {
        at: `${path}, array "${name}"`,
        expected: k * length,
        found: part.length,
      });
    }
    for (let row = 0; row < k; row++) rows.set(part.subarray(row * length, (row + 1) * length), row * size + offset);
  }
  return { rows, k };
}

/**
 * Kronecker factors in a file: safetensors with the blocks' matrices, and a manifest in its metadata that says what they are
 * of: model, data and options by hash, rows and counts.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { readTensors } from "../../data/readTensors.ts";
import { writeSafetensors } from "../../data/safetensors.ts";
import { MismatchError, UsageError } from "../../errors.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { type Matrix, matrix } from "../../linalg/matrix.ts";
import type { Problem } from "../problem.ts";
import type { Factor } from "./action.ts";
import { factorRules, type KroneckerBlock, type KroneckerFactors } from "./kroneckerFactors.ts";

const version = 1;

const blockSchema = z.object({
  name: z.string(),
  layer: z.number(),
  kind: z.enum(["matrix", "table", "vector"]),
  group: z.number().nullable(),
  out: z.number(),
  in: z.number(),
  joint: z.boolean(),
});

const manifestSchema = z.object({
  version: z.literal(version),
  kind: z.literal("kronecker factors"),
  model: z.string(),
  rows: z.number(),
  count: z.number(),
  reduction: z.enum(["mean", "sum"]),
  rule: z.enum(factorRules).optional(),
  data: z.string().optional(),
  request: z.any(),
  blocks: z.array(blockSchema),
});

/** A hash of what the parameters are: names, shapes and values. Factors of another model are told by it. */
export function modelHash({ space, values }: Pick<Problem, "space" | "values">): string {
  const hash = createHash("sha256");
  space.parameters.forEach(({ name, shape }, i) => {
    hash.update(`${name} ${shape.join(",")}\n`);
    hash.update(new Uint8Array(Float64Array.from(values[i]!.data).buffer));
  });
  return hash.digest("hex");
}

export interface StoredFactors {
  readonly factors: KroneckerFactors;
  /** `modelHash` of the model that they are of. */
  readonly model: string;
  /** What the data were, as the writer said: a hash. */
  readonly data?: string;
}

/** Writes factors, whole or not at all. */
export async function saveFactors(
  path: string,
  problem: Pick<Problem, "space" | "values">,
  factors: KroneckerFactors,
  { data }: { readonly data?: string } = {},
): Promise<void> {
  await writeFactors(path, { factors, model: modelHash(problem), ...(data === undefined ? {} : { data }) });
}

/** The same without the model, by its hash: for factors that were read and merged. */
export async function writeFactors(path: string, { factors, model, data }: StoredFactors): Promise<void> {
  const { blocks, request, rows, count, reduction, rule } = factors;
  const tensors = new Map<string, Tensor>();
  blocks.forEach((block, i) => {
    tensors.set(`${i}.g`, tensorOf(block.g));
    if (block.a) tensors.set(`${i}.a`, tensorOf(block.a));
    tensors.set(`${i}.index`, { dtype: "int32", shape: [block.index.length], data: block.index });
  });
  const plain = blocks.map(({ name, layer, kind, group, out, in: width, joint }) => ({
    name,
    layer,
    kind,
    group,
    out,
    in: width,
    joint,
  }));
  const manifest = {
    version,
    kind: "kronecker factors",
    model,
    data,
    rows,
    count,
    reduction,
    rule,
    request,
    blocks: plain,
  };
  await writeSafetensors(path, tensors, { metadata: { hessonite: JSON.stringify(manifest) } });
}

/**
 * Reads factors for a problem.
 *
 * @throws {UsageError} if the file holds no factors.
 * @throws {MismatchError} if they are of another model: other names, shapes or values of the parameters.
 */
export async function loadFactors(path: string, problem: Pick<Problem, "space" | "values">): Promise<KroneckerFactors> {
  const { factors, model } = await readFactors(path);
  const expected = modelHash(problem);
  if (model === expected) return factors;
  throw new MismatchError("Cannot use the factors as they are of another model or checkpoint", {
    at: path,
    expected: `${expected.slice(0, 12)}…`,
    found: `${model.slice(0, 12)}…`,
    try: "compute them again for this model",
  });
}

/**
 * Reads factors, of whatever model.
 *
 * @throws {UsageError} if the file holds no factors.
 */
export async function readFactors(path: string): Promise<StoredFactors> {
  const file = await readTensors(path);
  const parsed = manifestSchema.safeParse(manifestIn(file.metadata?.["hessonite"]));
  if (!parsed.success) {
    throw new UsageError("Cannot read factors as the file has no manifest of them", {
      at: path,
      try: "give a file that `hessonite factors` wrote",
    });
  }
  const { blocks, request, rows, count, reduction, rule, model, data } = parsed.data;
  const read = async (name: string): Promise<Tensor | undefined> => file.tensors.get(name)?.read();
  const loaded = await Promise.all(
    blocks.map(async (block, i): Promise<KroneckerBlock> => {
      const [a, g, index] = await Promise.all([read(`${i}.a`), read(`${i}.g`), read(`${i}.index`)]);
      if (!g || !index || index.data.length !== block.out * block.in || (!a && block.kind !== "vector")) {
        throw new UsageError("Cannot read factors as an array that the manifest names is missing or of another size", {
          at: `${path}, block ${i} "${block.name}"`,
        });
      }
      return {
        ...block,
        index: Int32Array.from(index.data),
        g: factorOf(g) as Matrix,
        ...(a ? { a: factorOf(a) } : {}),
      };
    }),
  );
  const factors = { blocks: loaded, request: request as KroneckerFactors["request"], rows, count, reduction };
  return { factors: { ...factors, ...(rule ? { rule } : {}) }, model, ...(data === undefined ? {} : { data }) };
}

function manifestIn(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tensorOf(factor: Factor): Tensor {
  if (factor instanceof Float64Array) return { dtype: "float64", shape: [factor.length], data: factor };
  return { dtype: "float64", shape: [factor.rows, factor.columns], data: factor.data };
}

function factorOf({ shape, data }: Tensor): Factor {
  const [rows, columns] = shape as [number, number?];
  return columns === undefined ? Float64Array.from(data) : matrix(rows, columns, Float64Array.from(data));
}

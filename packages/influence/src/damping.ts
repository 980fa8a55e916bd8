/** Which δ each block gets. */
import { type Regulariser, selectRegulariser, UsageError } from "@hessonite/core";
import { isExact } from "./choices.ts";
import { type BlockCurvature, type Curvature, outer } from "./curvature.ts";
import { type DampingChoice, usualFraction } from "./options.ts";

export interface BlockDamping {
  readonly name: string;
  readonly damping: number;
  /** How the evidence came to it, with the curve around it. */
  readonly evidence?: Regulariser;
}

export interface ResolvedDamping {
  readonly choice: DampingChoice;
  readonly blocks: readonly BlockDamping[];
  readonly notes: readonly string[];
}

/** What a strategy uses unless told: evidence, but for the exact matrices, where it was measured to be bad. */
export function defaultDamping({ strategy, temperature }: Curvature): DampingChoice {
  const usual = { meanFraction: usualFraction };
  if (isExact(strategy) || strategy === "identity" || temperature === null) return usual;
  return "auto";
}

/** @throws {UsageError} if the damping is not positive, or evidence is asked for where there is none. */
export async function resolveDamping(curvature: Curvature, asked?: DampingChoice): Promise<ResolvedDamping> {
  const { strategy, blocks } = curvature;
  const exact = isExact(strategy);
  const notes: string[] = [];
  let choice = asked ?? defaultDamping(curvature);
  if (exact && (asked === undefined || asked === "auto")) {
    choice = { meanFraction: usualFraction };
    notes.push(
      `damping: ${usualFraction} of the mean eigenvalue, as evidence picks values for exact matrices that attribute worse`,
    );
  }
  if (typeof choice === "number") requirePositive(choice);
  if (typeof choice === "object") requirePositive(choice.meanFraction);
  const chosen = choice;
  const whole = typeof chosen === "object" ? await wholeDamping(curvature, chosen.meanFraction) : undefined;
  const resolved = await Promise.all(
    blocks.map(async (block): Promise<BlockDamping> => {
      const { name } = block.shape;
      if (typeof chosen === "number") return { name, damping: chosen };
      if (strategy === "identity") return { name, damping: 0 };
      if (typeof chosen === "object") return { name, damping: whole ?? chosen.meanFraction * meanOf([block]) };
      const evidence = await evidenceFor(curvature, block);
      return { name, damping: evidence.regulariser, evidence };
    }),
  );
  return { choice, blocks: resolved, notes };
}

/** A fraction of the mean eigenvalue of the whole matrix, for strategies that do not go block by block. */
async function wholeDamping(
  { strategy, blocks, operator, toOurs }: Curvature,
  fraction: number,
): Promise<number | undefined> {
  if (strategy === "ggn") return fraction * meanOf(blocks);
  if (!operator) return undefined;
  const trace = await operator.exact?.trace?.();
  if (trace !== undefined) return (fraction * trace * toOurs) / operator.shape[0];
  throw new UsageError("Cannot damp by a fraction of the mean eigenvalue as the operator does not know its trace", {
    at: operator.name,
    try: "give a number as damping",
  });
}

function requirePositive(value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new UsageError("Cannot damp with this value as it is not a positive number", { found: value });
}

/** Mean of the eigenvalues of some blocks. */
function meanOf(blocks: readonly BlockCurvature[]): number {
  const sum = blocks.reduce((s, { values }) => s + (values?.data.reduce((a, b) => a + b, 0) ?? 0), 0);
  return sum / blocks.reduce((n, { shape }) => n + shape.out * shape.in, 0);
}

function evidenceFor(
  { temperature, rows }: Curvature,
  { shape, kronecker, values, squaredNorm }: BlockCurvature,
): Promise<Regulariser> {
  if (temperature === null) {
    throw new UsageError("Cannot choose the damping by evidence as the loss has no likelihood, or the data no labels", {
      at: shape.name,
      try: "give a number, or a fraction of the mean eigenvalue, as damping",
    });
  }
  const eigenvalues = kronecker ? outer(kronecker.g, kronecker.a).data : values!.data;
  return selectRegulariser({ eigenvalues, squaredNorm, rows, temperature }, { kind: "evidence" });
}

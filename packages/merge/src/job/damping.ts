/** The damping and the anchor of a merge by curvature: chosen on held-out data, or by the quadratics' own evidence. */
import {
  eigenOf,
  eighMany,
  logEvidence,
  type Regulariser,
  selectRegulariser,
  sumFactors,
  type Vector,
} from "@hessonite/core";
import type { CurvatureMerge } from "../curvature/mergeByCurvature.ts";
import type { TaskCurvature } from "../curvature/task.ts";
import { dot, minus, weightedMean } from "../curvature/vectors.ts";
import { bestOnGrid, type Choice, type ChosenBy, worth } from "./choices.ts";
import type { Judge } from "./judge.ts";

/** δ relative to the mean curvature. */
export const dampingGrid: readonly number[] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10];

export interface ChosenMerge extends CurvatureMerge {
  /** δ relative to the mean curvature. */
  readonly relativeDamping: number;
  readonly chosenBy: ChosenBy | "given";
  readonly curve: Regulariser["curve"];
}

/** What a merge may be held to. */
export interface Place {
  readonly name: string;
  /** a; the average unless given. */
  readonly at?: Vector;
  /** Gradient matching: the base's own task. */
  readonly base?: TaskCurvature;
}

export interface Placed extends ChosenMerge {
  readonly place: Place;
  /** How the place was chosen; empty where there was one. */
  readonly choices: readonly Choice[];
}

/** What merges are compared by: the larger the better. */
interface Criterion {
  readonly by: ChosenBy;
  damping(
    mergeAt: (damping: number) => Promise<CurvatureMerge>,
  ): Promise<Pick<ChosenMerge, "relativeDamping" | "curve">>;
  value(merge: CurvatureMerge, place: Place): Promise<number>;
}

/**
 * The merge at the damping, and at that damping the anchor, that make held-out loss least; without a judge at the most
 * probable ones.
 *
 * @param given δ relative to the mean curvature; chosen unless given.
 */
export async function mergeAtBest(
  tasks: readonly TaskCurvature[],
  [first, ...others]: readonly [Place, ...Place[]],
  mergeAt: (damping: number, place: Place) => Promise<CurvatureMerge>,
  judge: Judge | undefined,
  given?: number,
): Promise<Placed> {
  const criterion = judge ? byHeldOut(judge) : byEvidence(tasks, first);
  const { relativeDamping, curve } =
    given === undefined
      ? await criterion.damping((damping) => mergeAt(damping, first))
      : { relativeDamping: given, curve: [] };
  const found = await mergeAt(relativeDamping, first);
  const chosenBy = given === undefined ? criterion.by : "given";
  let best = { merge: found, place: first };
  if (others.length === 0) return { ...found, place: first, relativeDamping, chosenBy, curve, choices: [] };
  let most = await criterion.value(found, first);
  const anchors = [{ at: first.name, value: most }];
  for (const place of others) {
    const merge = await mergeAt(relativeDamping, place);
    const value = await criterion.value(merge, place);
    anchors.push({ at: place.name, value });
    if (value > most) [best, most] = [{ merge, place }, value];
  }
  const choice: Choice = { what: "anchor", of: "", by: criterion.by, chosen: best.place.name, curve: anchors };
  return { ...best.merge, place: best.place, relativeDamping, chosenBy, curve, choices: [choice] };
}

function byHeldOut(judge: Judge): Criterion {
  return {
    by: "held-out data",
    async damping(mergeAt) {
      const { regulariser, curve } = await bestOnGrid(dampingGrid, async (damping) =>
        worth(judge, (await mergeAt(damping)).values),
      );
      return { relativeDamping: regulariser, curve };
    },
    value: ({ values }) => worth(judge, values),
  };
}

/** Where the distance from the anchor is first measured. */
const firstGuess = 1e-2;
/** Evidence fixes δ given the distance, and δ fixes the distance: so many times. */
const rounds = 3;
const largest = 1e3;

/**
 * The prior is N(a, I/(N δ)): the evidence is the largest for δ = γ/(N‖θ − a‖²), θ being the merge at δ.
 *
 *     log evidence  −N Q(θ) + ½ Σ log(δ/(λ + δ)) + …      of anchors at one δ
 *
 * The sum's eigenvalues λ are those of its Kronecker factors, or of its diagonal.
 */
function byEvidence(tasks: readonly TaskCurvature[], { at }: Place): Criterion {
  const rows = tasks.reduce((sum, task) => sum + task.rows, 0);
  let known: Promise<Float64Array> | undefined;
  const eigenvaluesAt = ({ weights }: CurvatureMerge): Promise<Float64Array> => {
    known ??= eigenvaluesOf(tasks, weights);
    return known;
  };
  return {
    by: "evidence",
    async damping(mergeAt) {
      let merged = await mergeAt(firstGuess);
      const eigenvalues = await eigenvaluesAt(merged);
      const mean = eigenvalues.reduce((sum, x) => sum + x, 0) / eigenvalues.length;
      const anchor = at ?? averageOf(tasks, merged.weights);
      let [relative, curve]: [number, Regulariser["curve"]] = [firstGuess, []];
      for (let round = 0; round < rounds; round++) {
        const away = minus(merged.values, anchor);
        const squaredNorm = dot(away, away);
        if (!(squaredNorm > 0)) break;
        const spectrum = { eigenvalues, squaredNorm, rows, temperature: 1 };
        const found = await selectRegulariser(spectrum, { kind: "evidence" });
        curve = found.curve.map(({ regulariser, value }) => ({ regulariser: regulariser / mean, value }));
        relative = Math.min(Math.max(found.regulariser / mean, dampingGrid[0] ?? 0), largest);
        merged = await mergeAt(relative);
      }
      return { relativeDamping: relative, curve };
    },
    async value(merge) {
      const eigenvalues = await eigenvaluesAt(merge);
      // Without the distance, which Q holds already.
      const volume = logEvidence({ eigenvalues, squaredNorm: 0, rows, temperature: 1 }, merge.damping);
      return volume - rows * merge.objective.value;
    },
  };
}

function averageOf(tasks: readonly TaskCurvature[], weights: readonly number[]): Vector {
  return weightedMean(
    tasks.map(({ values }) => values),
    weights,
  );
}

async function eigenvaluesOf(tasks: readonly TaskCurvature[], alphas: readonly number[]): Promise<Float64Array> {
  const diagonals = tasks.flatMap(({ approximation }) => ("diagonal" in approximation ? [approximation.diagonal] : []));
  if (diagonals.length === tasks.length) return weightedMean(diagonals, alphas);
  const factors = tasks.flatMap(({ approximation }) => ("factors" in approximation ? [approximation.factors] : []));
  const all = new Float64Array(tasks[0]?.space.size ?? 0); // entries that no block covers have none
  let at = 0;
  for (const { g, a } of await eigenOf(sumFactors(factors, alphas).blocks, eighMany))
    for (const x of g) for (const y of a) all[at++] = x * y;
  return all;
}

/** The table for labels, counts, and means with spreads: densities of held-out targets with and without the weights' uncertainty. */
import type { Dataset } from "@hessonite/core";
import { type Choice, chooseByHeldOut, scaledNlls } from "../choose.ts";
import type { Laplace } from "../fit.ts";
import { functionalVariance } from "../functionalVariance.ts";
import { mean } from "../metrics/classification.ts";
import { bootstrapInterval } from "../metrics/paired.ts";
import { densityLinks, predictiveNlls } from "../metrics/predictiveDensity.ts";
import type { MonteCarloOptions } from "../predictive/monteCarlo.ts";
import { targetsOf } from "../targets.ts";

export interface DensityRow {
  readonly name: string;
  readonly nll: number;
  readonly nllInterval: readonly [number, number];
}

export interface DensityReport {
  readonly choice: Choice;
  readonly rows: readonly DensityRow[];
}

/** @param fit At the prior of the evidence. */
export async function densityReport(
  fit: Laplace,
  { select, report }: { readonly select: Dataset; readonly report: Dataset },
  options: MonteCarloOptions & { readonly signal?: AbortSignal } = {},
): Promise<DensityReport> {
  const { signal } = options;
  const name = fit.curvature.structure;
  const choice = await chooseByHeldOut({ [name]: fit }, select, signal ? { signal } : {});
  const targets = await targetsOf(report);
  const outputs = await functionalVariance(fit, report, signal);
  const entries: [string, Float64Array][] = [["the model", predictiveNlls(fit, outputs, targets, { link: "map" })]];
  if (choice.temperature !== 1) {
    const nlls = scaledNlls(fit, outputs, targets, choice.temperature);
    entries.push([`temperature ${choice.temperature.toPrecision(3)}`, nlls]);
  }
  for (const link of densityLinks[fit.likelihood.kind]) {
    entries.push([`${name}, evidence, ${link}`, predictiveNlls(fit, outputs, targets, { ...options, link })]);
  }
  const { chosen } = choice;
  if (chosen) {
    const own = await functionalVariance(chosen.fit, report, signal);
    entries.push([
      `chosen: ${chosen.name}`,
      predictiveNlls(chosen.fit, own, targets, { ...options, link: chosen.link }),
    ]);
  }
  return {
    choice,
    rows: entries.map(([title, nlls]) => ({
      name: title,
      nll: mean(nlls),
      nllInterval: bootstrapInterval(nlls.length, (rows) => mean(Float64Array.from(rows, (i) => nlls[i]!))),
    })),
  };
}

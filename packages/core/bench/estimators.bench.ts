/**
 * Errors of trace estimates against the products spent, and spectral densities, on the matrices of published figures and
 * beside what the published methods reach on them (src/testing/publishedFigures.ts).
 *
 *     pnpm bench estimators [-- --seeds 8]
 *
 * Trace errors are means of |estimate − trace| / trace over seeds; a density's is ∫ |estimate − truth| of 1. Writes
 * bench/results/estimators.json and estimators.svg, ours drawn through and the published dashed.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { broadened, type Density } from "../src/estimators/density.ts";
import { logSpectralDensity, spectralDensity } from "../src/estimators/spectralDensity.ts";
import { type TraceMethod, trace } from "../src/estimators/trace.ts";
import { eigh } from "../src/linalg/eigh.ts";
import { operatorOf } from "../src/linalg/knownMatrices.ts";
import { positiveSemidefinite } from "../src/operators/linearOperator.ts";
import {
  bulkAndSpikes,
  distanceBetween,
  heavyTails,
  matrixOf,
  publishedFigures,
  spectrumNames,
} from "../src/testing/publishedFigures.ts";
import { type LinePlot, linePlot } from "./linePlot.ts";

const { side, budgets, traces: published, densities: publishedDensities } = publishedFigures;
const methods: readonly TraceMethod[] = ["hutchinson", "hutch++", "xtrace", "xnystrace"];
const at = process.argv.indexOf("--seeds");
const seeds = at < 0 ? 8 : Number(process.argv[at + 1]);
const show = (list: readonly number[]): string => list.map((x) => x.toExponential(1).padStart(8)).join(" ");

async function meanErrors(spectrum: string): Promise<Record<string, number[]>> {
  const { operator, trace: truth } = matrixOf(spectrum);
  console.log(`\n${spectrum}: relative error after ${budgets.join(", ")} products, and as published`);
  const found: Record<string, number[]> = {};
  for (const method of methods) {
    const errors = budgets.map(() => 0);
    for (const [i, samples] of budgets.entries()) {
      for (let seed = 0; seed < seeds; seed++) {
        const { mean } = await trace(operator, { method, samples, seed });
        errors[i]! += Math.abs(mean / truth - 1) / seeds;
      }
    }
    found[method] = errors;
    console.log(`  ${method.padEnd(11)} ${show(errors)}   ${show(published[spectrum]![method]!)}`);
  }
  return found;
}

interface Compared {
  readonly plot: LinePlot;
  readonly error: number;
}

/** A density beside that of all eigenvalues with the same bumps. */
function compared(title: string, { grid, density, width }: Density, nodes: Float64Array): Compared {
  const truth = broadened({ nodes, weights: nodes.map(() => 1 / nodes.length) }, grid, width);
  const error = distanceBetween(grid, density, truth);
  console.log(`\n${title}: ${error.toExponential(1)} off, as published ${publishedDensities[title]!.error}`);
  const thinned = (curve: Float64Array): number[] => [...curve].filter((_, i) => i % 4 === 0);
  const lines = { estimate: thinned(density) };
  return { error, plot: { title, x: thinned(grid), lines, dashed: { estimate: thinned(truth) } } };
}

async function densities(): Promise<Record<string, Compared>> {
  const settings = { probes: 10, points: 2000, seed: 0 };
  const whole = "bulk and spikes";
  const m = bulkAndSpikes(2000, 1);
  const a = operatorOf(m, positiveSemidefinite);
  const { width } = publishedDensities[whole]!;
  const linear = await spectralDensity(a, { ...settings, steps: 128, width });
  const { outliers } = await spectralDensity(a, { probes: 2, steps: 8, deflate: "auto" });
  console.log(`\nspikes that are deflated by themselves: ${[...outliers].map((x) => x.toFixed(3)).join(", ")}`);

  const tails = "heavy tails, logarithm";
  const floor = 1e-5;
  const z = heavyTails(1);
  const options = { ...settings, steps: 256, width: publishedDensities[tails]!.width, floor };
  const logarithmic = await logSpectralDensity(operatorOf(z, positiveSemidefinite), options);
  const logarithms = (await eigh(z)).values.map((value) => Math.log10(Math.abs(value) + floor));
  return {
    [whole]: compared(whole, linear, (await eigh(m)).values),
    [tails]: compared(tails, logarithmic, logarithms),
  };
}

const found: Record<string, Record<string, number[]>> = {};
for (const spectrum of spectrumNames) found[spectrum] = await meanErrors(spectrum);
const curves = await densities();
const plots: LinePlot[] = [
  ...Object.entries(found).map(([spectrum, lines]) => ({
    title: `trace, ${spectrum}: relative error by products (dashed: as published)`,
    x: budgets,
    lines,
    dashed: published[spectrum]!,
  })),
  ...Object.values(curves).map(({ plot }) => ({
    ...plot,
    title: `density, ${plot.title} (dashed: of all eigenvalues)`,
  })),
];
const folder = fileURLToPath(new URL("./results/", import.meta.url));
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}estimators.svg`, linePlot(plots));
const errors = Object.fromEntries(Object.entries(curves).map(([name, { error }]) => [name, error]));
const results = { side, seeds, budgets, traces: found, published, densities: errors, publishedDensities };
writeFileSync(`${folder}estimators.json`, `${JSON.stringify(results, null, 2)}\n`);

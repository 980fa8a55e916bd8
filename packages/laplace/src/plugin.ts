/** The Laplace approximation as a plugin: what the command line, configuration files and other programs ask for. */
import {
  type Dataset,
  datasetRef,
  definePlugin,
  isParameterRole,
  modelRef,
  openDataset,
  readModel,
} from "@hessonite/core";
import { bandOf } from "./analyse/band.ts";
import { conformalReport } from "./analyse/conformal.ts";
import { choiceOf, heldOutParts, type Judged, judges } from "./analyse/judge.ts";
import { writeUncertainModel } from "./deploy/deploy.ts";
import { evidence } from "./evidence.ts";
import { type Laplace, withHyperparameters } from "./fit.ts";
import { atHyperparameters, requestedFit } from "./pluginFit.ts";
import { type Deployed, resultOf } from "./pluginResult.ts";
import { laplaceOptions, laplaceResult } from "./pluginSchema.ts";
import { saveLaplace } from "./store.ts";
import { targetsOf } from "./targets.ts";

const stages = 5;

export const laplace = definePlugin({
  name: "laplace",
  summary: "Gives a trained model calibrated uncertainty without retraining, and says when to leave it alone.",
  requires: {},
  inputs: {
    model: modelRef,
    train: datasetRef.optional().describe("what the model was trained on; not needed where a saved fit is given"),
    heldOut: datasetRef
      .optional()
      .describe("rows that the model was not trained on: half to choose by, half to report on"),
    other: datasetRef.optional().describe("rows of another kind, which uncertainty should tell apart"),
  },
  options: laplaceOptions,
  result: laplaceResult,
  async run({ inputs, options, engine, signal, progress, note }) {
    const model = typeof inputs.model === "string" ? await readModel(inputs.model) : inputs.model;
    const open = async (reference: typeof inputs.train): Promise<Dataset | undefined> =>
      reference === undefined ? undefined : openDataset(reference, model, signal);
    const stage = (name: string, done: number): void => progress({ stage: name, done, total: stages });
    const [train, heldOut, other] = [await open(inputs.train), await open(inputs.heldOut), await open(inputs.other)];
    stage("fit", 0);
    await using fitted = await requestedFit({ model, options, engine, signal, train, heldOut });
    const uncertain = fitted.problem.space.parameters.map(({ name }) => name);
    const parameters = fitted.problem.choices.filter(({ role }) => isParameterRole(role));
    if (options.weights === "auto" && uncertain.length < parameters.length && options.fit === undefined)
      note(
        `A ${options.structure} posterior has no room for all weights: those of ${uncertain.join(", ")} are uncertain.`,
      );
    stage("hyperparameters", 1);
    const parts = heldOut && (await heldOutParts(heldOut, options.tune === "held-out"));
    const { fit, by, note: said } = await atHyperparameters(fitted, options, parts?.tune, signal);
    if (said) note(said);
    if (by === "evidence" && !heldOut && fit.likelihood.kind === "regression") note(unchecked(fit));
    if (options.save !== undefined) await saveLaplace(options.save, fit);
    const unseen = train && heldOut && (await unseenClasses(fit, train, heldOut));
    if (unseen?.length)
      note(`No training row is of class ${unseen.join(", ")}: nothing here says how sure of it to be.`);
    stage("evidence", 2);
    const curve = await evidenceCurve(fit);
    stage("held-out rows", 3);
    const { samples, seed, coverage } = options;
    const judge = judges[fit.likelihood.kind];
    const found =
      parts && judge ? await judge(fit, parts, other, { samples, seed, given: by === "given", signal }) : undefined;
    if (!heldOut) note("Without held-out rows nothing can be said about calibration: the model's probabilities stay.");
    else if (!judge) note("A loss that is a graph has no densities: nothing can be said of held-out rows.");
    const conformal = parts && coverage !== undefined ? await conformalReport(fit, parts, coverage, signal) : undefined;
    const band = train && (await bandOf(fit, train, signal));
    stage("file", 4);
    const deployed = options.out === undefined ? null : await deploy(fit, options.out, found, { samples, seed });
    stage("file", stages);
    return resultOf(fit, { by, curve, found, conformal, band, deployed, saved: options.save });
  },
});

/** Evidence alone was measured to harm regressions whose weights outnumber the rows. */
function unchecked(fit: Laplace): string {
  const spent = evidence(fit).effectiveParameters;
  return (
    `The evidence chose prior and noise, and no held-out row checks them. It takes ${spent.toFixed(0)} of ${fit.entries} training ` +
    "values for spent on the weights: where that is most of them, as with weights more than rows, it was measured to give far " +
    "worse predictions than the model with one noise. Give held-out rows, or prior and noise."
  );
}

/** Classes of held-out rows that no training row has. */
async function unseenClasses({ likelihood }: Laplace, train: Dataset, heldOut: Dataset): Promise<number[]> {
  if (likelihood.kind !== "classes") return [];
  const seen = new Set(await targetsOf(train));
  return [...new Set(await targetsOf(heldOut))].filter((label) => !seen.has(label)).sort((a, b) => a - b);
}

/** The evidence at one precision for all weights, two decades to both sides. */
async function evidenceCurve(fit: Laplace): Promise<{ precision: number; total: number }[]> {
  const { precision: own } = fit.prior;
  const middle = Math.exp(own.reduce((sum, x) => sum + Math.log(x), 0) / own.length);
  const curve: { precision: number; total: number }[] = [];
  for (let step = -8; step <= 8; step++) {
    const precision = middle * 10 ** (step / 4);
    curve.push({ precision, total: evidence(await withHyperparameters(fit, { prior: precision })).total });
  }
  return curve;
}

async function deploy(
  fit: Laplace,
  out: string,
  found: Judged | undefined,
  drawn: { readonly samples: number; readonly seed: number },
): Promise<Deployed> {
  const chosen = found && choiceOf(found)?.chosen;
  const file = await writeUncertainModel(out, found?.regression?.chosen ?? fit, {
    ...drawn,
    ...(chosen ? { link: chosen.link, probabilitiesFrom: chosen.fit } : {}),
  });
  return { file: out, outputs: [...file.outputs], rows: file.rows ?? null };
}

/** For hosts that load plugins by the package's name. */
export const plugin = laplace;

/**
 * @hessonite/laplace: calibrated uncertainty for trained ONNX models, without retraining.
 */

export { type Candidate, type Choice, type ChooseOptions, chooseByHeldOut, type Scored } from "./choose.ts";
export { classScores, classSets, conformalThreshold, intervalScores, spreads } from "./conformal.ts";
export { type DeployOptions, writeUncertainModel } from "./deploy/deploy.ts";
export { type Evidence, type EvidenceGradient, evidence, evidenceGradient } from "./evidence.ts";
export {
  type Changes,
  type FitOptions,
  fitLaplace,
  type Hyperparameters,
  type Laplace,
  withHyperparameters,
} from "./fit.ts";
export { type FixtureReport, runFixtures } from "./fixtures/run.ts";
export { functionalVariance, jointCovariance, type Outputs } from "./functionalVariance.ts";
export { bernoulli } from "./likelihood/bernoulli.ts";
export { type LikelihoodName, likelihoodByName, likelihoodNames } from "./likelihood/byName.ts";
export { categorical } from "./likelihood/categorical.ts";
export { type CustomOptions, customLikelihood } from "./likelihood/custom.ts";
export { gaussian } from "./likelihood/gaussian.ts";
export { heteroscedastic } from "./likelihood/heteroscedastic.ts";
export type { Likelihood } from "./likelihood/likelihood.ts";
export { poisson } from "./likelihood/poisson.ts";
export type { RowLikelihood } from "./likelihood/rowwise.ts";
export { linearisedMode } from "./linearised.ts";
export { mergeFits } from "./merge.ts";
export {
  accuracyOf,
  brierScore,
  calibrationError,
  entropies,
  negativeLogLikelihoods,
  type ReliabilityBin,
  reliability,
} from "./metrics/classification.ts";
export { auroc, falsePositiveRate } from "./metrics/detection.ts";
export { gaussianNegativeLogLikelihoods, rootMeanSquare } from "./metrics/gaussian.ts";
export { bootstrapInterval, type Paired, paired } from "./metrics/paired.ts";
export { type DensityOptions, predictiveNlls } from "./metrics/predictiveDensity.ts";
export { laplace, plugin } from "./plugin.ts";
export { type LaplaceResult, laplaceOptions, laplaceResult } from "./pluginSchema.ts";
export type {
  Curvature,
  LogDeterminantError,
  Posterior,
  StructureName,
} from "./posterior/posterior.ts";
export type { Subnetwork } from "./posterior/subnetwork.ts";
export { bridge } from "./predictive/bridge.ts";
export { type FunctionSamples, functionSamples, weightSamples } from "./predictive/functionSamples.ts";
export { classProbabilities, type Link, links } from "./predictive/link.ts";
export { type MonteCarloOptions, monteCarlo, outputDraws } from "./predictive/monteCarlo.ts";
export { probit } from "./predictive/probit.ts";
export { fitTemperature, scaled as temperatureScaled } from "./predictive/temperature.ts";
export { fitInParts, type ResumeOptions, updateLaplace } from "./resume.ts";
export { type SampleOptions, sampleWeights } from "./sample.ts";
export { loadLaplace, type Progress, saveLaplace, storedChoice } from "./store.ts";
export { priorConsistency, type TrainedPrior, trainedPrior } from "./trainedPrior.ts";
export { type Tuned, type TuneOptions, tuneByEvidence } from "./tune.ts";
export { type HeldOutOptions, type HeldOutTuned, tuneByHeldOut } from "./tuneHeldOut.ts";

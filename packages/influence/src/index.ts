/**
 * @hessonite/influence: which training examples made the model say this?
 *
 * The public surface; everything else is internal.
 */

// scores
export { type Aggregation, aggregations } from "./aggregate.ts";
export { averagedSlices } from "./checkpoints.ts";
// curvature of the training loss
export { type BlockCurvature, type Curvature, fitCurvature } from "./curvature.ts";
export { type BlockDamping, defaultDamping, type ResolvedDamping, resolveDamping } from "./damping.ts";
// evaluation
export { type BootstrapOptions, bootstrap, type Resampled } from "./evaluation/bootstrap.ts";
export { type Averaged, averageScores, extremeRows, type RankedRow, scoresBySource } from "./evaluation/combine.ts";
export {
  type Ceiling,
  type DatamodelingScore,
  datamodelingScore,
  type Retraining,
} from "./evaluation/datamodelingScore.ts";
export { type LeaveOneOut, leaveOneOut, type Removals } from "./evaluation/leaveOneOut.ts";
export { correlation, rankCorrelation } from "./evaluation/rankCorrelation.ts";
export { rankingQuality } from "./evaluation/rankingQuality.ts";
export { readRemovals } from "./evaluation/readRemovals.ts";
export { readRetraining } from "./evaluation/readRetraining.ts";
export { type TopRemoval, type TopRemovalRequest, topRemoval } from "./evaluation/topRemoval.ts";
// published values
export { type FixtureKey, type FixtureResult, runInfluenceFixture } from "./fixtures/runFixture.ts";
export { type MeasurementSpec, measurementOf, measurements } from "./measurement.ts";
export {
  type CurvatureOptions,
  type DampingChoice,
  type Inversion,
  inversions,
  type ScoreOptions,
  type Strategy,
  strategies,
} from "./options.ts";
export {
  type PairwiseOptions,
  type PairwiseRun,
  type PairwiseScores,
  pairwiseRun,
  pairwiseScores,
} from "./pairwise.ts";
// as a plugin
export { influence, plugin } from "./plugin.ts";
export { type InfluenceResult, influenceOptions, influenceResult } from "./pluginSchemas.ts";
export { type Removal, removal } from "./removal.ts";
export { type RowRange, requireLabelForEachRow, rowLabels } from "./rowLabels.ts";
export { type SelfInfluence, selfInfluence } from "./selfInfluence.ts";
export { collectScores } from "./sinks/collectScores.ts";
export { scoreFile } from "./sinks/scoreFile.ts";
export type { AveragedSlice, ScoreSink, ScoreSlice } from "./sinks/sink.ts";
export { type SourceSums, sourceSums } from "./sinks/sourceSums.ts";
export { type TopRows, topRows } from "./sinks/topRows.ts";
export type { SolveOptions } from "./solvedVectors.ts";
export type { SolveReport } from "./solveReport.ts";

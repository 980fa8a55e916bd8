/**
 * @hessonite/prune: a trained ONNX model becomes smaller, with the loss that costs known beforehand.
 */

// smaller files
export { type PackedTensor, packTensor, unpackTensor } from "./compact/bitmap.ts";
export { type CompactSizes, readCompact, withSparseInitializers, writeCompact } from "./compact/compactModel.ts";
// curvature of a whole model
export { blockQuadratic, type QuadraticPart } from "./curvature/blockQuadratic.ts";
export {
  type Curvature,
  type CurvatureName,
  type CurvatureOptions,
  curvatureNames,
  curvatureOf,
} from "./curvature/curvatureOf.ts";
export { denseQuadratic } from "./curvature/denseQuadratic.ts";
export { diagonalQuadratic } from "./curvature/diagonalQuadratic.ts";
export { type DirectionKind, directionsFor } from "./curvature/directions.ts";
export { type KroneckerEigen, kroneckerQuadratic } from "./curvature/kroneckerQuadratic.ts";
export { type Directions, directionsOf, lowRankQuadratic } from "./curvature/lowRankQuadratic.ts";
export {
  type Optimum,
  type Quadratic,
  summedUpdates as summedNetworkUpdates,
  type Units as FlatUnits,
} from "./curvature/quadratic.ts";
export { sloped } from "./curvature/sloped.ts";
export { type ComparedValue, type PruneFixtureRun, runPruneFixture } from "./fixtures/run.ts";
export { compareLatency, type LatencyComparison, type LatencyOptions } from "./latency/latency.ts";
// sharing out
export { allocate, type Choice } from "./layerwise/allocate.ts";
// one layer, on plain matrices
export { leastSquaresUpdate, masked, type NewInputs, summedUpdates } from "./layerwise/compensate.ts";
export { magnitudeCosts, obdCosts, obsCosts, wandaCosts } from "./layerwise/costs.ts";
export { type Elimination, type EliminationOptions, eliminate } from "./layerwise/elimination.ts";
export { type JointUpdate, jointUpdate } from "./layerwise/jointUpdate.ts";
export {
  layerHessian,
  type PreparedLayer,
  type PrepareOptions,
  prepareLayer,
  reconstructionError,
} from "./layerwise/layer.ts";
export { obcTraces, type TraceOptions } from "./layerwise/obc.ts";
export { type Pattern, parsePattern, patternName, type Units, unitsOf } from "./layerwise/pattern.ts";
export {
  type LayerCompensation,
  type LayerMethod,
  layerCompensations,
  layerMethods,
  type PrunedLayer,
  type PruneLayerOptions,
  pruneLayer,
} from "./layerwise/pruneLayer.ts";
export { type RefineOptions, refine } from "./layerwise/refine.ts";
export type { Refinement } from "./layerwise/refinedRows.ts";
export { type SweepOptions, type Swept, sparsegptSweep } from "./layerwise/sparsegpt.ts";
export { changeOf, sweep, type Tableau, tableauOf } from "./layerwise/tableau.ts";
// whole models
export { type Augmentation, type AugmentOptions, augmentations, augmented } from "./network/augment.ts";
export { type FineTuneOptions, fineTune, functionRefit, type RefitOptions } from "./network/improve.ts";
export { type Compensation, type MethodName, type MethodParts, methodNames, methods } from "./network/method.ts";
export { lambdaGrid, type PathPoint } from "./network/path.ts";
export { type Prunable, type PrunableLayer, prunableLayers, type Skipped } from "./network/prunable.ts";
export { dropOf, type PrunedModel, type PruneOptions, pruneModel } from "./network/pruneModel.ts";
export { levelsUpTo, type ScheduleName, scheduledLevels, schedules, searchLevels } from "./network/schedule.ts";
export { type Job, type Judge, type Measured, openJob, type PruneSetting } from "./network/setting.ts";
export { methodChoices, type PruneRunOptions, pruneOptions, refinements } from "./options.ts";
// the plugin
export { plugin, prune } from "./plugin.ts";
// rounding, of a layer and of a model
export { type Grid, gridOf, roundedTo } from "./quantise/grid.ts";
export { obqSweep, type Round } from "./quantise/obq.ts";
export { type QuantisedModel, type QuantiseOptions, quantiseModel } from "./quantise/quantiseModel.ts";
export {
  type RoundedLayer,
  type RoundingOrder,
  type RoundOptions,
  roundingOrders,
  roundLayer,
} from "./quantise/roundLayer.ts";
export { type MethodResult, methodResult, type PruneResult, pruneResult } from "./report/result.ts";
export { type LayerCostName, layerCostNames } from "./structured/branches/branchCosts.ts";
export {
  layerCompensations as branchCompensations,
  openLayerPruning,
  type PrunedLayers,
  type PruneLayersOptions,
  pruneLayers,
} from "./structured/branches/pruneLayers.ts";
export { type FittedLayer, type LeastSquaresOptions, leastSquares } from "./structured/compensate/leastSquares.ts";
// channels: what has to go together, and models without some of it
export {
  type ChannelGraph,
  type ChannelGroup,
  channelGroups,
  type SkippedChannels,
} from "./structured/groups/channelGroups.ts";
export { channelsOf } from "./structured/groups/channelsOf.ts";
export {
  type ChannelCompensation,
  channelCompensations,
  openChannelPruning,
  type PruneChannelsOptions,
  type PrunedChannels,
  type PrunedGroup,
  pruneChannels,
} from "./structured/pruneChannels.ts";
export { type LowRank, lowRank } from "./structured/ranks/lowRank.ts";
export {
  openRankPruning,
  type PrunedRanks,
  type PruneRanksOptions,
  type RankCompensation,
  type RankCostName,
  rankCompensations,
  rankCostNames,
} from "./structured/ranks/pruneRanks.ts";
export { type ChannelCostName, type ChannelSelection, channelCostNames } from "./structured/select/choose.ts";
export { type CostModel, costModel, type ModelCost } from "./structured/select/cost.ts";
export type { ChannelBudget } from "./structured/select/select.ts";
export { maskModel } from "./structured/shrink/mask.ts";
export { type ShrinkRequest, shrinkEdit, shrinkModel } from "./structured/shrink/shrink.ts";
export type { ShrinkBy, Shrunk, ShrunkPart } from "./structured/shrunk.ts";
export {
  type DropOptions,
  type ModelQuality,
  type PrunedToDrop,
  pruneChannelsToDrop,
  qualityOf,
  type TriedShare,
} from "./structured/toDrop.ts";

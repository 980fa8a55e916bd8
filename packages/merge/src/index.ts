/**
 * @hessonite/merge: several fine-tuned models become one.
 */

// units in another order
export { type AlignedGroup, type Alignment, type AlignOptions, alignModel } from "./align/alignModel.ts";
export { loadCurvature, type Provenance, parametersHash, saveCurvature } from "./curvature/artefact.ts";
// quadratics of tasks, and the model that loses least by them
export { type FisherKind, fisherDiagonal } from "./curvature/fisherDiagonal.ts";
export { type MeasureOptions, measureCurvature } from "./curvature/measure.ts";
export {
  type Anchor,
  type CurvatureMerge,
  type CurvatureMergeOptions,
  mergeByCurvature,
  objectiveAt,
} from "./curvature/mergeByCurvature.ts";
export { predictedRise, type Rise } from "./curvature/rise.ts";
export { type CurvatureKind, curvatureKinds, requireSameSpace, type TaskCurvature } from "./curvature/task.ts";
// published values
export { type MergeFixtureKey, runMergeFixture } from "./fixtures/runFixture.ts";
export { type Choice, type ChoiceName, type ChosenBy, choiceNames } from "./job/choices.ts";
export { type ChosenMerge, dampingGrid } from "./job/damping.ts";
export { mergeModels } from "./job/mergeModels.ts";
export {
  type CurvatureMethodName,
  type Merged,
  type MergeMethodName,
  type MergeOptions,
  mergeMethodNames,
} from "./job/options.ts";
export { spaceOf, vectorOf } from "./job/space.ts";
export type { MergeSetting, MergeTask } from "./job/task.ts";
// whole models, by name
export { type Layer, layersOf, type Place, placesOf } from "./models/layers.ts";
export { type PermutedParameter, permutedParameters } from "./models/permuted.ts";
export { type ArchitectureOptions, type NamedModel, requireSameArchitecture } from "./models/sameArchitecture.ts";
// the plugin
export { merge } from "./plugin.ts";
export { inputShapes } from "./recipe/openRecipe.ts";
export { type ParameterValue, valueAt } from "./recipe/parameterValue.ts";
// recipes
export { parseRecipe, type Recipe, recipeSchema, validRecipe } from "./recipe/recipe.ts";
export { type RecipeRun, type RunOptions, runRecipe } from "./recipe/runRecipe.ts";
export { recipePath } from "./recipe/writeMerged.ts";
export { type LossByMethod, type MergeResult, mergeResult } from "./report/result.ts";
// weights alone, on plain tensors
export { average, type LinearOptions, linear } from "./weights/average.ts";
export {
  defaultParameters,
  type TensorMerge,
  type WeightMethod,
  type WeightMethodName,
  type WeightParameters,
  weightMethodNames,
  weightMethods,
} from "./weights/methods.ts";
export { type ModelStockOptions, modelStock } from "./weights/modelStock.ts";
export { type KarcherOptions, karcher, type NuslerpOptions, nuslerp, slerp } from "./weights/slerp.ts";
export {
  type Rescale,
  rankProbabilities,
  type SparsifyOptions,
  sparsifyAtRandom,
  sparsifyByMagnitude,
  sparsifyByRank,
  sparsifyOutliers,
} from "./weights/sparsify.ts";
export {
  breadcrumbs,
  dare,
  della,
  type RandomOptions,
  type SparseOptions,
  type TaskVectorOptions,
  taskArithmetic,
  ties,
} from "./weights/taskVectors.ts";

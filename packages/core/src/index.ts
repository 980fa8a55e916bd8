/**
 * @hessonite/core: curvature of ONNX models as linear operators.
 *
 * The public surface; everything else is internal. See README.md for a tour.
 */

// checks
export { type CheckRequest, checkModel, type ModelCheck } from "./check/checkModel.ts";
export type { Comparison } from "./check/comparison.ts";
// conformance
export { type CaseResult, type KeyResult, runCase } from "./conformance/compare.ts";
export { type OnnxNodeResult, runOnnxNodeCases } from "./conformance/onnxNode.ts";
// data
export type { ArrayStream } from "./data/arrayStream.ts";
export type { Batch, Dataset } from "./data/dataset.ts";
export { datasetFromArrays } from "./data/fromArrays.ts";
export { datasetFromBatches } from "./data/fromBatches.ts";
export { datasetFromFile } from "./data/fromFile.ts";
export { datasetFromPairs } from "./data/fromPairs.ts";
export { writeNpy, writeNpz } from "./data/npz.ts";
export { pickRows } from "./data/pickRows.ts";
export { readTensors } from "./data/readTensors.ts";
export { writeSafetensors } from "./data/safetensors.ts";
export { streamSafetensors } from "./data/safetensorsStream.ts";
export { slice, take } from "./data/slice.ts";
export { streamTensors } from "./data/streamTensors.ts";
export type { StoredTensor, TensorFile } from "./data/tensorFile.ts";
// engines
export type { CompileOptions, Engine, Feed, Program, Resident, RunOptions } from "./engine/engine.ts";
export { type EngineSpeed, engineSpeed } from "./engine/engineSpeed.ts";
export { automaticEngine } from "./engine/ort/automatic.ts";
export { type FileSession, type FileSessionOptions, openFileSession } from "./engine/ort/fileSession.ts";
export { type OrtNodeOptions, ortNodeEngine } from "./engine/ort/ortNode.ts";
export { type OrtWebOptions, ortWebEngine } from "./engine/ort/ortWeb.ts";
export { referenceEngine } from "./engine/reference/engine.ts";
export { type TfjsBackend, tfjsBackends } from "./engine/tfjs/load.ts";
export { type TfjsOptions, tfjsEngine } from "./engine/tfjs/tfjsEngine.ts";
// errors
export {
  EngineError,
  type ErrorFacts,
  HessoniteError,
  MismatchError,
  NoDerivativeError,
  UnsupportedModelError,
  UsageError,
} from "./errors.ts";
// estimators
export {
  type DiagonalEstimate,
  type DiagonalOptions,
  estimateDiagonal,
  hutchinsonDiagonal,
  xDiag,
} from "./estimators/diagonal.ts";
export { type EffectiveDimensionOptions, effectiveDimension } from "./estimators/effectiveDimension.ts";
export type { Estimate, EstimatorOptions, EstimatorProgress, SamplingOptions } from "./estimators/estimate.ts";
export { squaredFrobeniusNorm } from "./estimators/frobenius.ts";
export { hutchinsonTrace } from "./estimators/hutchinsonTrace.ts";
export { hutchPlusPlusTrace } from "./estimators/hutchPlusPlus.ts";
export { type LogDeterminantOptions, logDeterminant as estimateLogDeterminant } from "./estimators/logDeterminant.ts";
export { type Quadrature, type QuadratureOptions, traceOfFunction } from "./estimators/quadrature.ts";
export {
  type LogSpectralDensity,
  type LogSpectralDensityOptions,
  logSpectralDensity,
  type SpectralDensity,
  type SpectralDensityOptions,
  spectralDensity,
} from "./estimators/spectralDensity.ts";
export { type SpectralNormOptions, spectralNorm } from "./estimators/spectralNorm.ts";
export { type TopEigenpairs, type TopEigenpairsOptions, topEigenpairs } from "./estimators/topEigenpairs.ts";
export { type TraceMethod, type TraceOptions, trace } from "./estimators/trace.ts";
export { xNysTrace } from "./estimators/xNysTrace.ts";
export { xTrace } from "./estimators/xTrace.ts";
export { everyNth, rowsWhere } from "./functionSpace/everyNth.ts";
export { kroneckerPreconditioner, sumFactors } from "./functionSpace/kroneckerPreconditioner.ts";
export type { Teacher } from "./functionSpace/lessons.ts";
export { type LossAt, lossAt } from "./functionSpace/lossAt.ts";
export {
  type MatchedFunctions,
  type MatchOptions,
  type MatchStep,
  matchFunctions,
} from "./functionSpace/matchFunctions.ts";
export { ownPredictions, type Taught } from "./functionSpace/ownPredictions.ts";
// models at other points, and in function space
export { atPoint, tensorsOf } from "./functionSpace/point.ts";
export type { GraphBuilder } from "./ir/builder.ts";
export { type Cost, costOf } from "./ir/cost.ts";
// graphs
export type { Dtype } from "./ir/dtype.ts";
export type { Graph, InputValue, Value } from "./ir/graph.ts";
export { print } from "./ir/print.ts";
export { type NumericArray, type Tensor, tensor } from "./ir/tensor.ts";
export {
  type Cholesky,
  cholesky,
  choleskyInverse,
  choleskySolve,
  choleskySync,
  logDeterminant,
} from "./linalg/cholesky.ts";
export { conjugateGradient, type PreconditionedOptions } from "./linalg/conjugateGradient.ts";
export { type Eigendecomposition, eigh, eighMany } from "./linalg/eigh.ts";
export { type LanczosOptions, type LanczosRun, lanczos } from "./linalg/lanczos.ts";
// dense linear algebra and solvers
export {
  fromRows,
  gram,
  type Matrix,
  matmul,
  matmulAside,
  matrix,
  scaleColumns,
  scaleRows,
  transpose as transposeMatrix,
} from "./linalg/matrix.ts";
export type { Outcome, Solution } from "./linalg/solver.ts";
export { solveTriangular } from "./linalg/triangular.ts";
export { type BinaryCrossEntropyOptions, binaryCrossEntropy } from "./loss/binaryCrossEntropy.ts";
export { type CrossEntropyOptions, crossEntropy } from "./loss/crossEntropy.ts";
export { type CustomLossOptions, customLoss } from "./loss/customLoss.ts";
// losses
export type { Likelihood, Loss, PreparedTarget, Reduction } from "./loss/loss.ts";
export { lossByName, lossNames } from "./loss/lossByName.ts";
export { squaredError } from "./loss/squaredError.ts";
export { type BindOptions, type BoundModel, bindModel, neededNodes, unsupportedNodes } from "./onnx/bind.ts";
// models
export { type ModelFile, readModel, readModelFile } from "./onnx/decode.ts";
export type {
  ModelEdit,
  NewAttr,
  NewNode,
  NewTensor,
  NodeEdit,
  RawTensor,
  SparseTensor,
} from "./onnx/edit/edit.ts";
export { editModel } from "./onnx/edit/editModel.ts";
export { type Copy, equalParameters } from "./onnx/identity/copies.ts";
export { type SourceLayout, sourceLayout, storedName } from "./onnx/identity/storage.ts";
export { type Split, type StoredValues, storedValues } from "./onnx/identity/storedValues.ts";
export { type TieOptions, withTies } from "./onnx/identity/ties.ts";
export {
  type Dimension,
  type Initializer,
  type OnnxModel,
  type OnnxNode,
  type Port,
  withValues,
} from "./onnx/model.ts";
export { type PatchedModel, type PatchOptions, patchModel } from "./onnx/patch.ts";
export { type WriteOptions, writePatchedModel } from "./onnx/patchFile.ts";
export type { ExternalPatch } from "./onnx/patchTensor.ts";
export { type InitializerRole, initializerRoles, isParameterRole, type Role } from "./onnx/roles.ts";
export { chooseParameters, type InitializerChoice, type ParameterSelection } from "./onnx/select.ts";
export { openingFacts } from "./openingFacts.ts";
export { accuracy } from "./operators/accuracy.ts";
// the algebra of operators
export { type BlockDiagonal, blockDiagonal } from "./operators/blockDiagonal.ts";
export { congruence } from "./operators/congruence.ts";
export { diagonalOf, entryOf, toDense } from "./operators/dense.ts";
export { type DenseOperatorOptions, denseOperator } from "./operators/denseOperator.ts";
export { diagonal } from "./operators/diagonal.ts";
export { difference } from "./operators/difference.ts";
export {
  type Differentiability,
  type DifferentiabilityRequest,
  differentiability,
  type NodeStanding,
} from "./operators/differentiability.ts";
export { type EigenOperator, type EigenOperatorParts, eigenOperator } from "./operators/eigenOperator.ts";
export { type EkfacOperator, type EkfacOptions, ekfac, ekfacOf } from "./operators/ekfac.ts";
export { empiricalFisher } from "./operators/empiricalFisher.ts";
export { blockDiagonals } from "./operators/examples/blockDiagonals.ts";
export type { BlockFilter } from "./operators/examples/blockFilter.ts";
export {
  type ExamplesOptions,
  exampleGradientBlocks,
  exampleGradientSquares,
  type GradientBlocks,
  type GradientSquares,
} from "./operators/examples/exampleGradientBlocks.ts";
export {
  type BlockVectors,
  type ExampleProducts,
  exampleProducts,
  type ProductsOptions,
} from "./operators/examples/exampleProducts.ts";
// layers and the gradients of single examples
export type { BlockShape } from "./operators/factors/blocks.ts";
export type { Damping } from "./operators/factors/damping.ts";
export { type BlockEigen, eigenOf } from "./operators/factors/eigen.ts";
export { type CorrectionConvention, eigenvalueCorrection } from "./operators/factors/eigenvalueCorrection.ts";
export { type KroneckerFactors, kroneckerFactors } from "./operators/factors/kroneckerFactors.ts";
export { type LayerBlocks, layerBlocks } from "./operators/factors/layerBlocks.ts";
export { layersIfAll } from "./operators/factors/layersIfAll.ts";
export { averageFactors, mergeFactors } from "./operators/factors/mergeFactors.ts";
export type { PartialSum, PartialSums } from "./operators/factors/partialSums.ts";
export type { FactorOptions, FactorRequest } from "./operators/factors/request.ts";
export {
  loadFactors,
  modelHash,
  readFactors,
  type StoredFactors,
  saveFactors,
  writeFactors,
} from "./operators/factors/store.ts";
export { type GgnOptions, ggn } from "./operators/ggn.ts";
export { type GgnDiagonalOptions, ggnDiagonal } from "./operators/ggnDiagonal.ts";
export { type GradientAndLoss, gradientAndLoss, gradientCost } from "./operators/gradientAndLoss.ts";
export { hessian, type ProductOptions } from "./operators/hessian.ts";
export { identity } from "./operators/identity.ts";
export { type InverseOptions, inverse } from "./operators/inverse.ts";
export { type IterativeInverse, type IterativeInverseOptions, iterativeInverse } from "./operators/iterativeInverse.ts";
export { jacobian } from "./operators/jacobian.ts";
export { type KfacOperator, kfac, kfacOf, kroneckerBlocks } from "./operators/kfac.ts";
export { type KfocOptions, kfoc } from "./operators/kfoc.ts";
export { type Kronecker, type KroneckerOptions, kronecker } from "./operators/kronecker.ts";
export { type LayerwiseOptions, layerwise } from "./operators/layerwise.ts";
export type {
  ApplyOptions,
  DampingRule,
  ExactFacts,
  LinearOperator,
  Structure,
  Vector,
} from "./operators/linearOperator.ts";
export { positiveSemidefinite } from "./operators/linearOperator.ts";
export type { ProductCost } from "./operators/linearProgram.ts";
export { lossFor } from "./operators/lossFor.ts";
export { lossSum } from "./operators/lossSum.ts";
export {
  type LowRankPlusDiagonal,
  type LowRankPlusDiagonalParts,
  lowRankPlusDiagonal,
} from "./operators/lowRankPlusDiagonal.ts";
export { type Facts, type Multiply, makeOperator, type OperatorParts } from "./operators/makeOperator.ts";
export { negate } from "./operators/negate.ts";
// the outputs of single examples
export { type ExampleJacobians, exampleJacobians } from "./operators/outputs/exampleJacobians.ts";
export { lastLayer } from "./operators/outputs/lastLayer.ts";
export {
  type OutputCovariances,
  outputCovariances,
  type WeightCovariance,
} from "./operators/outputs/outputCovariance.ts";
export { parameterIndices, parameterSelection } from "./operators/parameterSelection.ts";
export type { Parameter, ParameterSpace } from "./operators/parameterSpace.ts";
export { flatten } from "./operators/parameterSpace.ts";
export { type ExampleGradients, perExampleGradients } from "./operators/perExampleGradients.ts";
export { power } from "./operators/power.ts";
export { type Predictions, predict } from "./operators/predict.ts";
// problems and their operators
export { type Checks, createProblem, type Problem, type ProblemOptions } from "./operators/problem.ts";
export { product } from "./operators/product.ts";
export { scale } from "./operators/scale.ts";
export { selection } from "./operators/selection.ts";
export { shampoo } from "./operators/shampoo.ts";
export { submatrix } from "./operators/submatrix.ts";
export { damped, sum } from "./operators/sum.ts";
export { tkfac } from "./operators/tkfac.ts";
export { toFunction } from "./operators/toFunction.ts";
export type { ProblemOperator } from "./operators/vectorProduct.ts";
// plugins
export * from "./plugin/index.ts";
export {
  type ExtendedModel,
  type ExtendedModelOptions,
  type Extension,
  writeExtendedModel,
} from "./portable/extendedModel.ts";
export { readOperator, writeOperator, writeOperatorModel } from "./portable/operatorFile.ts";
export { type ProductFile, type ProductFileOptions, writeProductFile } from "./portable/productFile.ts";
export { type PortableOperator, portableOperators } from "./portable/productGraph.ts";
// randomness
export { type RandomStream, randomStream } from "./random/random.ts";
// regularisation
export {
  type Criterion,
  effectiveParameters,
  logEvidence,
  type Regulariser,
  type RegulariserPoint,
  type Spectrum,
  selectRegulariser,
} from "./regularisation/selectRegulariser.ts";
// training
export type { OptimizerOptions } from "./training/optimizer.ts";
export type { Schedule } from "./training/schedule.ts";
export { createTrainer, type Trained, type Trainer, type TrainOptions } from "./training/train.ts";

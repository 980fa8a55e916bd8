/** Plugins: everything a package needs to offer one, and the host that runs them. */
export { createHost, type Host, type HostOptions, type RunHooks, type RunRequest } from "./host.ts";
export { canonical, fileHash, valueHash } from "./identity.ts";
export { type LoadOptions, loadPlugin } from "./loadPlugin.ts";
export { openDataset, openLoss } from "./openProblem.ts";
export {
  buildOperator,
  type OperatorKind,
  type OperatorSpec,
  operatorKinds,
  operatorSpec,
  registerOperator,
} from "./operatorSpec.ts";
export {
  definePlugin,
  type Plugin,
  type PluginContext,
  type PluginDefinition,
  type PluginServices,
  type ProblemRequest,
  type Schemas,
  type StageProgress,
  type TypedPlugin,
} from "./plugin.ts";
export {
  type DatasetFile,
  type DatasetRef,
  datasetRef,
  type LossSpec,
  lossSpec,
  type ModelRef,
  modelRef,
} from "./references.ts";
export { type PluginSchema, schemaOf } from "./schemaOf.ts";

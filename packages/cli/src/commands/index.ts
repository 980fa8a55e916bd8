/** Every command, in the order of the help. A command is a file of this folder. */
import type { AnyCommand } from "../command.ts";
import { check } from "./check.ts";
import { conformance } from "./conformance.ts";
import { curvature } from "./curvature.ts";
import { diagonal } from "./diagonal.ts";
import { eigs } from "./eigs.ts";
import { exportProduct } from "./export.ts";
import { factors, factorsMerge } from "./factors.ts";
import { fixtures } from "./fixtures.ts";
import { influence } from "./influence.ts";
import { influenceEvaluate } from "./influenceEvaluate.ts";
import { influenceReduce } from "./influenceReduce.ts";
import { inspect } from "./inspect.ts";
import { laplace } from "./laplace.ts";
import { merge } from "./merge.ts";
import { onnxNode } from "./onnxNode.ts";
import { plugin } from "./plugin.ts";
import { prune } from "./prune.ts";
import { run } from "./run.ts";
import { solve } from "./solve.ts";
import { spectrum } from "./spectrum.ts";
import { tour } from "./tour.ts";
import { trace } from "./trace.ts";

export const commands: readonly AnyCommand[] = [
  inspect,
  check,
  exportProduct,
  spectrum,
  trace,
  diagonal,
  eigs,
  solve,
  factors,
  factorsMerge,
  tour,
  influence,
  influenceEvaluate,
  influenceReduce,
  curvature,
  laplace,
  merge,
  prune,
  run,
  plugin,
  conformance,
  onnxNode,
  fixtures,
];

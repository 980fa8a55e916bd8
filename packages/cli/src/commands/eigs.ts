import { defineCommand } from "../command.ts";
import { eigsOptions, eigsResult, runEigs, showEigs } from "../estimate/eigs.ts";

export const eigs = defineCommand({
  name: "eigs",
  summary: "Finds eigenpairs at one end of a curvature matrix's spectrum; fails if they do not converge.",
  options: eigsOptions,
  positionals: ["model"],
  result: eigsResult,
  examples: [
    "hessonite eigs model.onnx --data data.npz --loss cross-entropy --operator hessian --which bottom --count 3",
  ],
  run: runEigs,
  show: showEigs,
});

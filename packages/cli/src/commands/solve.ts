import { defineCommand } from "../command.ts";
import { solveOptions } from "../solve/options.ts";
import { solveResult } from "../solve/result.ts";
import { runSolve } from "../solve/run.ts";
import { showSolve } from "../solve/show.ts";

export const solve = defineCommand({
  name: "solve",
  summary: "Solves a damped system with a curvature matrix, such as a Newton step; fails if it does not converge.",
  options: solveOptions,
  positionals: ["model"],
  result: solveResult,
  examples: [
    "hessonite solve model.onnx --data data.npz --loss cross-entropy --damping 0.01 -o step.npz",
    "hessonite solve model.onnx --data data.npz --loss mse --operator ggn --precondition kfac --rhs vectors.npz",
  ],
  run: runSolve,
  show: showSolve,
});

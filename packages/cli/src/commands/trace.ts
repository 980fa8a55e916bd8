import { defineCommand } from "../command.ts";
import { runTrace, showTrace, traceOptions, traceResult } from "../estimate/trace.ts";

export const trace = defineCommand({
  name: "trace",
  summary: "Estimates the trace of a curvature matrix, with its standard error.",
  options: traceOptions,
  positionals: ["model"],
  result: traceResult,
  examples: [
    "hessonite trace model.onnx --data data.npz --loss cross-entropy --operator hessian --samples 100",
    "hessonite trace model.onnx --data data.npz --loss mse --operator kfac,fisher=mc,samples=4",
  ],
  run: async (options, context) => ({ result: await runTrace(options, context) }),
  show: showTrace,
});

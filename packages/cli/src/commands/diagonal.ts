import { defineCommand } from "../command.ts";
import { diagonalOptions, diagonalResult, runDiagonal, showDiagonal } from "../estimate/diagonal.ts";

export const diagonal = defineCommand({
  name: "diagonal",
  summary: "Finds the diagonal of a curvature matrix: by parameter, and entry by entry in a file.",
  options: diagonalOptions,
  positionals: ["model"],
  result: diagonalResult,
  examples: ["hessonite diagonal model.onnx --data data.npz --loss cross-entropy --operator ggn -o diagonal.npz"],
  run: async (options, context) => ({ result: await runDiagonal(options, context) }),
  show: showDiagonal,
});

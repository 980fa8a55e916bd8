/**
 * Who may import whom. scripts/check-imports.mjs enforces it; ARCHITECTURE.md draws it.
 */

/**
 * The layers of packages/core/src, lowest first. A file belongs to the longest entry that is its path or a folder
 * above it, and may import from its own layer and those before it. A new folder needs a place here.
 */
export const coreLayers = [
  "errors.ts",
  "openingFacts.ts",
  "random",
  "ir",
  "engine/engine.ts", // the contract alone: what sits below the engines may speak of them
  "engine/feeds.ts",
  "operators/linearOperator.ts", // likewise
  "engine/reference",
  "onnx",
  "autodiff",
  "linalg",
  "engine",
  "data",
  "loss",
  "operators/parameterSpace.ts",
  "operators/binding.ts", // a model and its loss as one graph: what layers are found in
  "layers",
  "operators",
  "estimators",
  "regularisation",
  "training",
  "functionSpace",
  "check",
  "portable",
  "plugin",
  "testing",
  "conformance", // the comparison with published values, for the command line and our own tests
  "index.ts",
];

/** Libraries that only one place may know, and that place. */
export const confined = [
  { library: /^onnx-proto(\/|$)/, to: /^packages\/core\/src\/onnx\// },
  { library: /^onnxruntime-/, to: /^packages\/core\/src\/engine\/ort/ },
  { library: /^@tensorflow\//, to: /^packages\/core\/src\/engine\/tfjs/ },
];

/**
 * Which of our packages a package may import. An application stands on core alone, but for merge, which has a model's channels
 * from prune (docs/decisions/0005); the command line may use all.
 */
export const mayUse = (name) => ({ core: [], cli: "all", merge: ["core", "prune"] })[name] ?? ["core"];

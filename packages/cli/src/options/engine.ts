/** Where things run. */
import {
  automaticEngine,
  type Engine,
  ortNodeEngine,
  ortWebEngine,
  referenceEngine,
  tfjsBackends,
  tfjsEngine,
  UsageError,
} from "@hessonite/core";
import { z } from "zod";

export const engineOptions = {
  engine: z
    .enum(["ort-node", "ort-web", "auto", "tfjs", "reference"])
    .describe(
      "ort-node: ONNX Runtime, float32; ort-web: its WebAssembly; auto: whichever works; tfjs: TensorFlow.js where installed; reference: float64, slow",
    )
    .default("ort-node"),
  threads: z.int().positive().optional().describe("threads inside ONNX Runtime; all cores unless said"),
  lanes: z.int().positive().optional().describe("runtimes side by side, each with its own threads and memory"),
  provider: z
    .array(z.string())
    .optional()
    .describe("ONNX Runtime's execution providers in order of preference, cpu unless said; or the backend of tfjs"),
};

export type EngineOptions = z.output<z.ZodObject<typeof engineOptions>>;

export async function openEngine({ engine, threads, lanes, provider }: EngineOptions): Promise<Engine> {
  const options = {
    ...(threads && { threads }),
    ...(lanes && { lanes }),
    ...(provider && { executionProviders: provider }),
  };
  if (engine === "reference") return referenceEngine();
  if (engine === "tfjs") return tfjsEngine({ backend: tfjsBackend(provider) });
  if (engine === "ort-web") return ortWebEngine(options);
  return engine === "auto" ? automaticEngine(options) : ortNodeEngine(options);
}

function tfjsBackend([name = "node"]: readonly string[] = []) {
  const backend = tfjsBackends.find((known) => known === name);
  if (backend) return backend;
  throw new UsageError("Cannot use TensorFlow.js as it has no such backend", {
    at: "--provider",
    expected: tfjsBackends.join(", "),
    found: name,
  });
}

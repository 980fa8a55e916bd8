/** What `hessonite conformance` is told. */
import { z } from "zod";

export const engineNames = ["reference", "ort-node", "ort-web"] as const;

export const conformanceOptions = z.object({
  folders: z.array(z.string()).min(1).describe("case folders, or folders of them"),
  engine: z
    .array(z.enum(engineNames))
    .default(["reference", "ort-node"])
    .describe("engines to run: float64 with the exact values, float32, float32 in WebAssembly"),
});

export type ConformanceOptions = z.output<typeof conformanceOptions>;

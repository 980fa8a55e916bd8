import { type OnnxNodeResult, ortNodeEngine, ortWebEngine, referenceEngine, runOnnxNodeCases } from "@hessonite/core";
import { z } from "zod";
import { defineCommand } from "../command.ts";
import { engineNames } from "../conformance/options.ts";
import { count } from "../terminal/quantity.ts";

const options = z.object({
  files: z.array(z.string()).min(1).describe("npz files of packed operator tests"),
  engine: z.array(z.enum(engineNames)).default(["reference", "ort-node"]).describe("engines to run"),
});

const result = z.object({
  cases: z.array(
    z.object({
      engine: z.string(),
      name: z.string(),
      outcome: z.enum(["passed", "failed", "unsupported"]),
      reason: z.string().optional(),
    }),
  ),
  passed: z.int(),
  failed: z.int(),
  unsupported: z.int(),
});

const engines = { reference: referenceEngine, "ort-node": ortNodeEngine, "ort-web": ortWebEngine };

export const onnxNode = defineCommand({
  name: "onnx-node",
  summary: "Runs ONNX's own operator tests, packed in npz files; fails if one gives another result.",
  options,
  positionals: ["files"],
  result,
  examples: ["hessonite onnx-node cases.npz", "hessonite onnx-node cases.npz --engine reference"],
  async run({ files, engine: names }, { signal, progress }) {
    const cases: (OnnxNodeResult & { engine: string })[] = [];
    for (const name of names) {
      await using engine = engines[name]();
      await progress.stage(name, files.length, async (done) => {
        for (const [i, file] of files.entries()) {
          const onResult = (one: OnnxNodeResult): void => void cases.push({ engine: name, ...one });
          await runOnnxNodeCases(file, { engine, signal, onResult });
          done(i + 1);
        }
      });
    }
    const number = (outcome: OnnxNodeResult["outcome"]): number =>
      cases.filter((one) => one.outcome === outcome).length;
    const totals = { passed: number("passed"), failed: number("failed"), unsupported: number("unsupported") };
    return { result: { cases, ...totals }, failed: totals.failed > 0 || cases.length === 0 };
  },
  show({ cases, passed, failed, unsupported }, paint) {
    const lines = cases.map(({ engine, name, outcome, reason }) => {
      const word =
        outcome === "passed" ? paint.green("passed") : outcome === "failed" ? paint.red("FAILED") : "unsupported";
      return `${word}  ${engine}  ${name}${reason ? `\n  ${reason.replaceAll("\n", "\n  ")}` : ""}`;
    });
    const verdict = `${count(passed)} passed, ${count(failed)} failed, ${count(unsupported)} unsupported`;
    return [...lines, failed > 0 ? paint.red(verdict) : paint.green(verdict)].join("\n");
  },
});

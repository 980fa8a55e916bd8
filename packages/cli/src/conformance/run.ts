/** Runs conformance cases on engines and gathers every compared key. A case that does not run is a failure, not an end. */
import { basename } from "node:path";
import {
  type CaseResult,
  type Engine,
  HessoniteError,
  ortNodeEngine,
  ortWebEngine,
  referenceEngine,
  runCase,
} from "@hessonite/core";
import type { CommandContext } from "../command.ts";
import { caseFolders } from "./caseFolders.ts";
import type { ConformanceOptions } from "./options.ts";
import type { ConformanceResult } from "./result.ts";

const engines: Readonly<Record<ConformanceOptions["engine"][number], () => Engine>> = {
  reference: referenceEngine,
  "ort-node": ortNodeEngine,
  "ort-web": ortWebEngine,
};

type Broken = ConformanceResult["broken"][number];

export async function runConformance(
  { folders, engine: names }: ConformanceOptions,
  { signal, progress }: CommandContext,
): Promise<ConformanceResult> {
  const cases = folders.flatMap(caseFolders);
  const results: CaseResult[] = [];
  const broken: Broken[] = [];
  for (const name of names) {
    await using engine = engines[name]();
    await progress.stage(name, cases.length, async (done) => {
      for (const [i, folder] of cases.entries()) {
        const result = await attempt(folder, engine, signal);
        if ("message" in result) broken.push(result);
        else results.push(result);
        done(i + 1);
      }
    });
  }
  return summary(results, broken);
}

async function attempt(folder: string, engine: Engine, signal: AbortSignal): Promise<CaseResult | Broken> {
  try {
    return await runCase(folder, engine, { signal });
  } catch (error) {
    signal.throwIfAborted();
    const text = error instanceof Error ? error.message : String(error);
    return {
      case: basename(folder),
      engine: engine.name,
      message: error instanceof HessoniteError ? text : `internal: ${text}`,
    };
  }
}

function summary(results: readonly CaseResult[], broken: readonly Broken[]): ConformanceResult {
  const keys = results.flatMap(({ name, engine, keys: compared }) =>
    compared.map(({ key, error, tolerance, passed }) => ({
      case: name,
      engine,
      key,
      error: Number.isFinite(error) ? error : null,
      tolerance,
      passed,
    })),
  );
  const failed = keys.filter((key) => !key.passed).length;
  return { keys, broken: [...broken], passed: keys.length - failed, failed: failed + broken.length };
}

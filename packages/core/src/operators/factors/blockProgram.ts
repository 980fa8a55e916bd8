/**
 * Products with large blockwise operators on an engine: in its threads and its precision, at several times the speed of our
 * own float64 kernels. Compiled at the second product, as one alone is not worth it.
 */
import type { Engine, Program } from "../../engine/engine.ts";
import { evaluateOp } from "../../engine/reference/kernels.ts";
import { GraphBuilder, graphOf } from "../../ir/builder.ts";
import type { InputValue } from "../../ir/graph.ts";
import type { Vector } from "../linearOperator.ts";
import { blockGraph } from "./blockGraph.ts";
import type { PlacedAction } from "./blockwise.ts";

/** Entries of a vector from which an engine is used. */
const leastEntries = 2 ** 16;

export interface BlockProgram extends AsyncDisposable {
  /** A v of one vector into `out`; false where it is for the caller to compute. */
  apply(v: Vector, out: Vector, signal: AbortSignal | undefined): Promise<boolean>;
}

export function blockProgram(size: number, blocks: readonly PlacedAction[], engine: Engine | undefined): BlockProgram {
  const usable = engine?.precision === "float32" && size >= leastEntries;
  let products = 0;
  let compiled: Promise<{ readonly program: Program; readonly v: InputValue }> | undefined;
  const compile = async (on: Engine): Promise<{ readonly program: Program; readonly v: InputValue }> => {
    const { v, product } = blockGraph(new GraphBuilder(evaluateOp), size, blocks, "float32");
    return { v, program: await on.compile(graphOf([v], [product])) };
  };
  return {
    async apply(x, out, signal) {
      if (!usable || products++ === 0) return false;
      compiled ??= compile(engine);
      const { program, v } = await compiled;
      const outputs = await program.run(
        new Map([[v, { dtype: "float32", shape: [size], data: x }]]),
        signal && { signal },
      );
      out.set(outputs[0]!.data as ArrayLike<number>);
      engine.recycle?.(outputs);
      return true;
    },
    async [Symbol.asyncDispose]() {
      const made = await compiled;
      compiled = undefined;
      await made?.program[Symbol.asyncDispose]();
    },
  };
}

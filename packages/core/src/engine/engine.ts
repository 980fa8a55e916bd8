/**
 * Where graphs run.
 *
 * An engine compiles a graph into a program; a program runs on feeds. Both hold native memory and are released by
 * whoever made them (`await using`, or `dispose`). Runs never block the event loop for long: they happen elsewhere.
 */

import type { Dtype } from "../ir/dtype.ts";
import type { Graph, InputValue } from "../ir/graph.ts";
import type { Shape } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";

/** A tensor that stays inside the engine between runs, on one lane. */
export interface Resident {
  readonly resident: number;
  readonly lane: number;
  /** Bytes it occupies, where known. */
  readonly bytes: number;
}

/** A tensor given as consecutive pieces: rows of several vectors, which the engine puts together in its own memory. */
export interface Pieces {
  readonly dtype: Dtype;
  readonly shape: Shape;
  /** Together `shape`'s elements, or fewer: the rest is zero. */
  readonly pieces: readonly NumericArray[];
}

export type Feed = Tensor | Pieces | Resident;

export interface Engine extends AsyncDisposable {
  /** "reference", "ort-node", … */
  readonly name: string;
  /** What floats are computed in, whatever the graph's dtype. */
  readonly precision: "float32" | "float64";
  /** Runs on different lanes may be at once; residents stay on the lane that made them. */
  readonly lanes: number;
  /** What a result should record: threads, providers, versions. */
  readonly settings: Readonly<Record<string, string | number>>;
  /**
   * @throws {EngineError} if the engine cannot run the graph.
   */
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
  /** Puts a tensor on a lane, to be fed by reference. */
  upload(tensor: Tensor, lane: number): Promise<Resident>;
  /** Lets residents go. */
  release(residents: readonly Resident[]): Promise<void>;
  /** Takes the memory of outputs that their owner has read for later runs; they must not be used any more. */
  recycle?(outputs: readonly Tensor[]): void;
}

export interface CompileOptions {
  /** Inputs that keep these values for the program's life: the engine may prepare them. */
  readonly fixed?: ReadonlyMap<InputValue, Tensor>;
  readonly signal?: AbortSignal;
}

export interface RunOptions {
  /** 0 unless said. */
  readonly lane?: number;
  /** Checked before the run starts; a run that has started ends. */
  readonly signal?: AbortSignal;
}

export interface Program extends AsyncDisposable {
  readonly graph: Graph;
  /** Outputs in the graph's order; they are the caller's. */
  run(feeds: ReadonlyMap<InputValue, Feed>, options?: RunOptions): Promise<Tensor[]>;
  /** The same, the outputs staying inside the engine. */
  runResident(feeds: ReadonlyMap<InputValue, Feed>, options?: RunOptions): Promise<Resident[]>;
}

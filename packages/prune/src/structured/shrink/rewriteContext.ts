/** What a rewriting sees of a node, once it is known what stays. */
import type { NodeEdit, OnnxModel, OnnxNode, Tensor } from "@hessonite/core";
import type { Axes } from "../groups/atoms.ts";
import type { Kept } from "./kept.ts";

/** What changes in a node beside its stored tensors; undefined for nothing. */
export type Rewrite = (c: RewriteContext) => Pick<NodeEdit, "attrs" | "outputs" | "before" | "after"> | undefined;

export interface RewriteContext {
  readonly node: OnnxNode;
  readonly opset: number;
  readonly kept: Kept;
  /** True if all of the model's inputs have fixed shapes: then every shape in it is one number. */
  readonly fixed: boolean;
  readonly model: OnnxModel;
  has(i: number): boolean;
  /** Before anything went. */
  shape(i: number): readonly number[];
  outShape(i: number): readonly number[];
  numbers(i: number): readonly number[] | undefined;
  stored(i: number): boolean;
  /** What is left of stored input `i`. */
  value(i: number): Tensor;
  /** Σ x² over Σ_kept x² of what an RMSNorm takes; 1 where nothing is known. */
  readonly energy: number;
  axes(i: number): Axes;
  outAxes(i: number): Axes;
  int(name: string, otherwise: number): number;
  float(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
  string(name: string, otherwise: string): string;
  /** Input `i` becomes this tensor. */
  setInput(i: number, value: Tensor): void;
  /** Input `i` becomes this value, which nodes put in front give. */
  nameInput(i: number, name: string): void;
  /** A name that nothing has. */
  freshName(hint: string): string;
  /** Stores a tensor and gives its name. */
  store(hint: string, value: Tensor): string;
}

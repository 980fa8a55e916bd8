/** What a rule sees of the node whose axes it relates. */
import type { OnnxNode } from "@hessonite/core";
import type { Axes, Axis } from "./atoms.ts";

/**
 * Relates the axes of a node's inputs to each other and gives those of its outputs, one entry an output.
 *
 * A channel that goes counts as zero wherever it is summed over: that is the promise which a rule keeps. What depends on a
 * channel in another way, or on how many there are, locks it.
 */
export type Rule = (c: RuleContext) => readonly Axes[];

/** One side of a layer: an axis of its weight, and the channels along it, those of all groups one after the other. */
export interface LayerSide {
  readonly node: OnnxNode;
  /** Which of the node's inputs is the weight, and which of its axes. */
  readonly weight: number;
  readonly weightAxis: number;
  readonly channels: Int32Array;
}

/** How a reshape's axis falls into several: which of them carries the channels. */
export interface SplitQuestion {
  readonly node: OnnxNode;
  readonly axis: number;
  /** Lengths of the parts, all above 1. */
  readonly lengths: readonly number[];
}

/** Which part of a split axis carries the channels: its position, or why none may. */
export type SplitAnswer = number | string;

export interface RuleContext {
  readonly node: OnnxNode;
  /** The model's opset for this node's domain. */
  readonly opset: number;
  has(i: number): boolean;
  /** Number of inputs, absent ones included. */
  readonly arity: number;
  shape(i: number): readonly number[];
  /** Undefined for an output that nothing uses. */
  outShape(i: number): readonly number[] | undefined;
  /** What input `i` holds, where it is constant and short. */
  numbers(i: number): readonly number[] | undefined;
  /** The same of a value by its name. */
  numbersOf(name: string): readonly number[] | undefined;
  int(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
  string(name: string, otherwise: string): string;
  /** True for an initializer or constant: each use of one may shrink on its own. */
  stored(i: number): boolean;
  /** True for a stored tensor, and for what follows from such alone: a weight, moved or unpacked. */
  parameter(i: number): boolean;
  axes(i: number): Axes;
  /** The two hold the same channels; where one has to stay, so has the other. The channels, or null. */
  tie(a: Axis, b: Axis): Axis;
  lock(axis: Axis, reason: string): void;
  /** All axes of input `i`. */
  lockInput(i: number, reason: string): void;
  /** `channels` are along an axis of this node's weight: those that the layer makes, or those that it reads. */
  makes(weight: number, weightAxis: number, channels: Axis): void;
  reads(weight: number, weightAxis: number, channels: Axis): void;
  /** Two activations are multiplied matrix by matrix along this axis: heads. */
  heads(axis: Axis): void;
  /** True if that is known of one of them. */
  areHeads(axis: Axis): boolean;
  partOf(question: SplitQuestion, offer: () => readonly Int32Array[]): SplitAnswer | "explore";
  /** True in the pass that finds out which part that is. */
  readonly exploring: boolean;
  /** The node that made input `i`, and the shape of that node's first input. */
  maker(i: number): OnnxNode | undefined;
  makerShape(i: number): readonly number[];
  /** The set an atom belongs to. */
  find(atom: number): number;
  fresh(count: number): Int32Array;
}

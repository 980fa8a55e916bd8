/**
 * An ONNX model as it stands in its file: nodes with string inputs and outputs, initializers by name.
 *
 * Only `decode.ts` makes one; everything after it works on these plain records and never sees protobuf.
 */
import type { Dtype } from "../ir/dtype.ts";
import type { Tensor } from "../ir/tensor.ts";

/** A length, or the name of a symbolic one; null where the file says nothing. */
export type Dimension = number | string | null;

export interface Port {
  readonly name: string;
  readonly dtype: Dtype;
  /** Null where the file does not even say the rank. */
  readonly shape: readonly Dimension[] | null;
}

export type OnnxAttr =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: Tensor }
  | { readonly kind: "graph"; readonly value: Subgraph }
  /** In a function's body: the call's attribute of that name. */
  | { readonly kind: "reference"; readonly value: string }
  | { readonly kind: "other" };

export interface OnnxNode {
  /** Its name, or that of its first output where it has none. */
  readonly name: string;
  readonly opType: string;
  /** "" for ONNX's own operators. */
  readonly domain: string;
  /** "" stands for an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Readonly<Record<string, OnnxAttr>>;
  /** The version of its domain, where that is not the model's: inside a function. */
  readonly opset?: number;
  /** The module that it comes from, where the exporter says so: "decoder.fc". */
  readonly scope?: string;
}

/** A stored tensor: what is known without reading it, and how to read it. */
export interface Initializer {
  readonly name: string;
  /** As stored; 16-bit floats are widened when read. */
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Where the file holds it under another name or in another layout than its source. */
  readonly storage?: Storage;
  read(): Tensor;
}

export interface Storage {
  /** Name of the stored tensor. */
  readonly name: string;
  /** Other parameters are stored there too: writing one alone must split it. */
  readonly shared?: boolean;
  /** Axis i of the source's layout is stored axis perm[i]; the same order unless said. */
  readonly perm?: readonly number[];
  /** Further stored tensors that hold the same values because the user tied them, some transposed. */
  readonly copies?: readonly { readonly name: string; readonly transposed: boolean }[];
}

/** The body of an If, Loop or Scan. */
export interface Subgraph {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  readonly nodes: readonly OnnxNode[];
}

export interface OnnxModel extends Subgraph {
  /** File name or "bytes", for messages. */
  readonly source: string;
  readonly irVersion: number;
  /** Opset by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: string;
}

/** `model` with other values for some of its initializers: a checkpoint, or the same in float64. */
export function withValues(model: OnnxModel, values: ReadonlyMap<string, Tensor>): OnnxModel {
  const initializers = new Map(
    [...model.initializers].map(([name, initializer]) => {
      const { storage } = initializer;
      const value = values.get(name) ?? (storage && !storage.shared ? values.get(storage.name) : undefined);
      return [name, value ? { ...initializer, read: () => value } : initializer] as const;
    }),
  );
  return { ...model, initializers };
}

/** `model` with some of its inputs stored in it instead of fed. */
export function withConstants(model: OnnxModel, values: ReadonlyMap<string, Tensor>): OnnxModel {
  const stored = [...values].map(
    ([name, value]) => [name, { name, dtype: value.dtype, shape: value.shape, read: () => value }] as const,
  );
  return {
    ...model,
    inputs: model.inputs.filter((input) => !values.has(input.name)),
    initializers: new Map([...model.initializers, ...stored]),
  };
}

/** What is to change in a model's file, by the names that the file has. */
import type { Tensor } from "../../ir/tensor.ts";
import type { OnnxAttr } from "../model.ts";

/** Elements of a type that our tensors do not hold (4-bit integers), as the file holds them. */
export interface RawTensor {
  /** ONNX's number of the element type. */
  readonly code: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Elements that lie in a file beside the model's. */
export interface ExternalTensor {
  /** ONNX's number of the element type. */
  readonly code: number;
  readonly shape: readonly number[];
  /** The file, from the model's folder. */
  readonly location: string;
  /** In bytes. */
  readonly offset: number;
  readonly length: number;
}

/** A vector of the non-zeros of a tensor, and where they lie when it is row-major. */
export interface SparseTensor {
  readonly shape: readonly number[];
  readonly values: Tensor;
  /** Ascending flat indices. */
  readonly indices: readonly number[];
}

export type NewTensor = Tensor | RawTensor | ExternalTensor | SparseTensor;

/** Only attributes that an operator of ours is given anew. */
export type NewAttr = Extract<OnnxAttr, { readonly kind: "int" | "ints" | "float" | "floats" | "string" }>;

export interface NewNode {
  readonly name: string;
  readonly opType: string;
  /** "" unless said. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs?: Readonly<Record<string, NewAttr>>;
}

/** What changes in one node; the rest of its message stays. */
export interface NodeEdit {
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  /** Attributes set, or taken away (null). */
  readonly attrs?: Readonly<Record<string, NewAttr | null>>;
  /** Nodes put in front of it, and behind it. */
  readonly before?: readonly NewNode[];
  readonly after?: readonly NewNode[];
  /** The node itself goes, and those stand in its place. */
  readonly replaced?: boolean;
}

export interface ModelEdit {
  /** Initializers set, added, or taken away (null). */
  readonly initializers?: ReadonlyMap<string, NewTensor | null>;
  /** By the first output that a node names; null takes the node away. */
  readonly nodes?: ReadonlyMap<string, NodeEdit | null>;
  /** Shapes of inner values that the file states: new lengths by axis, or null for a statement to leave out. */
  readonly shapes?: ReadonlyMap<string, readonly number[] | null>;
  /** Inner values that become outputs, behind those that the model has. */
  readonly outputs?: readonly string[];
  /** Key–value pairs for the model's metadata; a key that it has is replaced. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Operator sets by domain: added where missing, raised where lower. */
  readonly opsets?: Readonly<Record<string, number>>;
  /** Raised to this where lower. */
  readonly irVersion?: number;
}

/** The exported kernels; see kernels.c for what each takes. */
export type KernelName =
  | "multiply"
  | "gram"
  | "eigh"
  | "cholesky"
  | "choleskyInverse"
  | "solveTriangular"
  | "qr"
  | "svd";

/** An array that a kernel reads, one that it changes, or one that it fills from zero. */
export type KernelArray =
  | { readonly input: Float64Array }
  | { readonly update: Float64Array }
  | { readonly result: number };

export interface KernelCall {
  readonly kernel: KernelName;
  readonly sizes: readonly number[];
  readonly arrays: readonly KernelArray[];
}

export interface KernelAnswer {
  /** What it means is the kernel's own. */
  readonly status: number;
  /** The `update` and `result` arrays, in order. */
  readonly results: Float64Array[];
}

/** @throws {WebAssembly.RuntimeError} where memory ends (4 GiB in all). */
export function callKernel(call: KernelCall): KernelAnswer;

/** Names that exporters number through: they say nothing of what a value is. */

/** PyTorch's `val_12`, `onnx::MatMul_494`, `_val_3`, `/block/Mul_output_0`; bare numbers; tf2onnx's `const_fold_opt__12`, `W__359`. */
const numbered = /^(\d+|_?val_\d+|onnx::\w+|const(ant)?_*\d+|[a-zA-Z]\w*__\d+|\/.*|.*_output_\d+)$/;

/** PyTorch's newer exporter calls constants after the functions that make them, and script functions' values `tmp`. */
const made = /^(arange|empty|eye|full|linspace|logspace|ones|scalar_tensor|tmp|tri[lu]|zeros)(_like)?(_\d+)?$/;

/** True for names of what a model computes with, and nobody has trained. */
export function isMade(name: string): boolean {
  return made.test(name);
}

export function isAnonymous(name: string): boolean {
  return name === "" || numbered.test(name);
}

/**
 * RMSNorms over fewer channels, as if those that are gone were still there: zero, or with the energy that they had.
 *
 *     mean x² over n channels = (kept / n) · mean x² over those that are kept · r
 *
 * r = Σ x² / Σ_kept x² over calibration rows makes up for the energy that went; 1 counts it as zero. An operator of its own
 * takes the factor c = r · kept / n into its scale and ε:
 *
 *     scale · x / √(c m + ε) = (scale / √c) · x / √(m + ε / c)
 */
import type { Rewrite, RewriteContext } from "./rewriteContext.ts";

/** What the mean square over the kept channels is multiplied by; undefined where all of them are. */
function factorOf(c: RewriteContext): number | undefined {
  const rank = c.shape(0).length;
  const whole = c.shape(0)[rank - 1] ?? 1;
  const left = c.kept.length(c.axes(0)[rank - 1] ?? null, whole);
  return left === whole ? undefined : (left / whole) * c.energy;
}

/** A mean of squares along the last axis. */
export const meanSquare: Rewrite = (c) => {
  const [output] = c.node.outputs as [string];
  const axes = c.ints("axes") ?? c.numbers(1) ?? [];
  const last = axes.length === 1 && (axes[0] === -1 || axes[0] === c.shape(0).length - 1);
  const factor = last ? factorOf(c) : undefined;
  if (factor === undefined) return undefined;
  const inner = c.freshName(`${output}_kept`);
  const name = c.store(`${output}_factor`, { dtype: "float32", shape: [], data: Float32Array.of(factor) });
  return {
    outputs: [inner],
    after: [{ name: `${output}_whole`, opType: "Mul", inputs: [inner, name], outputs: [output] }],
  };
};

export const rmsNormalization: Rewrite = (c) => {
  const factor = factorOf(c);
  if (factor === undefined) return undefined;
  const scale = c.value(1);
  c.setInput(1, { ...scale, data: Float32Array.from(scale.data, (s: number) => s / Math.sqrt(factor)) });
  return { attrs: { epsilon: { kind: "float", value: c.float("epsilon", 1e-5) / factor } } };
};

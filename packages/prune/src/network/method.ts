/** Methods by name: each a curvature, a selection and a compensation. Options change what a name stands for. */
import type { CurvatureName } from "../curvature/curvatureOf.ts";
import { type LayerCompensation, type LayerMethod, layerCompensations } from "../layerwise/pruneLayer.ts";

/** least-squares: layer by layer on the pruned model's own inputs, after what the method itself does. */
export const modelCompensations = [...layerCompensations, "least-squares"] as const;
export type Compensation = (typeof modelCompensations)[number];

export type MethodParts =
  /** One threshold over all layers, by a quadratic of the whole loss. */
  | { readonly scope: "network"; readonly curvature: CurvatureName; readonly compensation: LayerCompensation }
  /** Layer by layer, by the error of each layer's outputs. */
  | {
      readonly scope: "layer";
      readonly selection: LayerMethod;
      readonly compensation?: LayerCompensation;
      /** The same sparsity everywhere, or shared out by the layers' curves. */
      readonly allocation: "uniform" | "dynamic";
    };

export const methods = {
  magnitude: { scope: "network", curvature: "identity", compensation: "none" },
  diagonal: { scope: "network", curvature: "diagonal", compensation: "none" },
  fisher: { scope: "network", curvature: "fisher", compensation: "joint" },
  woodfisher: { scope: "network", curvature: "fisher", compensation: "summed" },
  ggn: { scope: "network", curvature: "ggn", compensation: "joint" },
  dense: { scope: "network", curvature: "dense", compensation: "joint" },
  kfac: { scope: "network", curvature: "kfac", compensation: "joint" },
  ekfac: { scope: "network", curvature: "ekfac", compensation: "joint" },
  wanda: { scope: "layer", selection: "wanda", allocation: "uniform" },
  obd: { scope: "layer", selection: "obd", allocation: "uniform" },
  obc: { scope: "layer", selection: "obc", allocation: "dynamic" },
  sparsegpt: { scope: "layer", selection: "sparsegpt", allocation: "uniform" },
} as const satisfies Readonly<Record<string, MethodParts>>;

export type MethodName = keyof typeof methods;
export const methodNames = Object.keys(methods) as readonly MethodName[] as readonly [MethodName, ...MethodName[]];

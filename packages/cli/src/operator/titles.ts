/** Operators as headings. */
const titles: Readonly<Record<string, string>> = {
  hessian: "Hessian",
  ggn: "Generalised Gauss–Newton matrix",
  "empirical-fisher": "Empirical Fisher matrix",
  "fisher-mc": "Sampled Fisher matrix",
  layerwise: "Curvature, layer by layer",
  diagonal: "Diagonal of the Gauss–Newton matrix",
  kfac: "KFAC",
  ekfac: "EKFAC",
  kfoc: "KFOC",
  tkfac: "TKFAC",
  shampoo: "Shampoo",
};

/** @param operator As `operatorText` writes it. */
export function operatorTitle(operator: string): string {
  const [kind = "", ...options] = operator.split(",");
  const title = titles[kind] ?? kind;
  return options.length > 0 ? `${title} (${options.join(", ")})` : title;
}

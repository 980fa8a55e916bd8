/** What is in the model, and the spectrum of its curvature beside the figures of an independent program. */
import { readFileSync } from "node:fs";
import { type MeasuredSpectrum, measuredSpectrum } from "../spectrum/result.ts";
import { table } from "../terminal/table.ts";
import { digits, type Section, type Stage } from "./stage.ts";

/** The part of oracle.json (PyTorch in float64) that is shown. */
interface Oracle {
  readonly rows: number;
  readonly meanCrossEntropy: number;
  readonly accuracy: number;
  readonly gradientNorm: number;
  readonly ggn: { readonly largest: readonly number[]; readonly trace: number };
  readonly hessian: { readonly largest: readonly number[]; readonly smallest: readonly number[] };
}

/** Figures may differ by this much, relative: we compute in float32, the oracle in float64. */
const tolerance = 1e-3;
const report = "hessonite-report.html";

export const spectrum: Section = async (stage) => {
  const model = digits("digits-cnn.onnx");
  const oracle = JSON.parse(readFileSync(digits("oracle.json"), "utf8")) as Oracle;
  const onDigits = ["spectrum", model, "--data", digits("digits.npz"), "--scale", "1/255", "--loss", "cross-entropy"];
  const first = [...onDigits, "--rows", String(oracle.rows), "--density-probes", "0"];

  stage.heading("What is in the model?");
  const inspected = await stage.run(["inspect", model]);
  if (inspected !== 0) return inspected;

  stage.heading(`Curvature on ${oracle.rows} images, beside what PyTorch says in float64`);
  const ggn = await stage.json([...first, "--operator", "ggn", "--samples", "64"]);
  const hessian = await stage.json([...first, "--operator", "hessian", "--samples", "0"]);
  if (!ggn || !hessian) return 1;
  const agrees = compare(stage, measuredSpectrum.parse(ggn), measuredSpectrum.parse(hessian), oracle);

  stage.heading("The whole spectrum, on 512 images");
  const whole = ["--operator", "hessian", "--batch-size", "128", "--smallest", "2", "--report", report];
  const code = await stage.run([...onDigits, ...whole]);
  stage.reported(report);
  return agrees ? code : 1;
};

/** Prints both figures in a table; false if one is off. */
function compare(
  { paint, terminal }: Stage,
  ggn: MeasuredSpectrum,
  hessian: MeasuredSpectrum,
  oracle: Oracle,
): boolean {
  const pairs: [label: string, ours: number, theirs: number][] = [
    ["loss", ggn.lossValue ?? Number.NaN, oracle.meanCrossEntropy],
    ["accuracy", ggn.accuracy ?? Number.NaN, oracle.accuracy],
    ["gradient norm", ggn.gradientNorm ?? Number.NaN, oracle.gradientNorm],
    ...named("GGN eigenvalue", ggn.largest?.values ?? [], oracle.ggn.largest),
    ...named("Hessian eigenvalue", hessian.largest?.values ?? [], oracle.hessian.largest),
    ...named("Hessian eigenvalue −", hessian.smallest?.values ?? [], oracle.hessian.smallest),
  ];
  const judged = pairs.map(([label, ours, theirs]) => ({
    label,
    ours,
    theirs,
    error: Math.abs(ours - theirs) / Math.abs(theirs),
  }));
  const rows = judged.map(({ label, ours, theirs, error }) => {
    const shown = error.toExponential(0);
    return [
      label,
      ours.toPrecision(6),
      theirs.toPrecision(6),
      error <= tolerance ? paint.green(shown) : paint.red(shown),
    ];
  });
  if (ggn.trace) {
    const { mean, standardError } = ggn.trace;
    const deviations = Math.abs(mean - oracle.ggn.trace) / standardError;
    rows.push([
      "GGN trace",
      `${mean.toPrecision(4)} ± ${standardError.toPrecision(2)}`,
      oracle.ggn.trace.toPrecision(6),
      `${deviations.toFixed(1)} σ`,
    ]);
  }
  const right = { align: "right" as const };
  const columns = [
    { title: "figure" },
    { title: "Hessonite", ...right },
    { title: "PyTorch", ...right },
    { title: "difference", ...right },
  ];
  terminal.out(`${table(columns, rows, paint)}\n`);
  return judged.every(({ error }) => error <= tolerance);
}

function named(label: string, ours: readonly number[], theirs: readonly number[]): [string, number, number][] {
  return theirs.map((value, i) => [`${label}${i + 1}`.replace(/([a-z])(\d)/, "$1 $2"), ours[i] ?? Number.NaN, value]);
}

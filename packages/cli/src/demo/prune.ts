/** A classifier of digits loses most of its weights, by curvature and by magnitude; another loses channels and gets faster. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { digits, type Section } from "./stage.ts";

const report = "hessonite-prune-report.html";

const classifier = relative(
  process.cwd(),
  fileURLToPath(new URL("../../../prune/testdata/mnist/mlp.onnx", import.meta.url)),
);

export const prune: Section = async (stage) => {
  const rows = ["--scale", "1/255", "--loss", "cross-entropy", "--batch-size", "250"];
  const heldOut = ["--held-out", digits("digits.npz")];

  stage.heading("Channels of the classifier go, within half a point of accuracy: smaller and faster");
  const channels = await stage.run([
    ...["prune", digits("digits-cnn.onnx"), "--data", digits("digits-train.npz"), "--rows", "500", ...heldOut, ...rows],
    ...["--granularity", "channel", "--max-drop", "0.5%", "--out", "digits-small.onnx"],
  ]);
  if (channels !== 0) return channels;

  stage.heading("95 % of the weights of an MLP go, by the curvature of 100 images, beside magnitude");
  const code = await stage.run([
    ...["prune", classifier, "--data", digits("digits-train.npz"), "--rows", "100", ...heldOut, ...rows],
    ...["--sparsity", "95%", "--method", "ggn", "--rounds", "2", "--lambda", "0.01"],
    ...["--compare", "magnitude", "--report", report],
  ]);
  if (code === 0) stage.reported(report);
  return code;
};

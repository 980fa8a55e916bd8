/** The digit classifier gets uncertainty: what it does to calibration, and whether it tells clothes and turned digits apart. */
import { digits, type Section } from "./stage.ts";

const report = "hessonite-laplace-report.html";
const written = "digits-uncertain.onnx";

export const laplace: Section = async (stage) => {
  const model = ["laplace", digits("digits-cnn.onnx"), "--train", digits("digits-train.npz"), "--scale", "1/255"];
  const judged = [...model, "--likelihood", "categorical", "--held-out", digits("digits.npz")];

  stage.heading("How sure is it? Digits it has not seen, and clothes, which are none (Fashion-MNIST)");
  const clothes = await stage.run([...judged, "--other", digits("fashion.npz"), "--out", written, "--report", report]);
  if (clothes !== 0) return clothes;
  stage.reported(report);

  stage.heading("The same with digits turned by a quarter");
  return stage.run([...judged, "--other", digits("rotated.npz"), "--samples", "400"]);
};

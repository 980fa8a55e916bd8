/** Which training digits are to blame for the mistakes? And labels that are wrong, found by their influence on themselves. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crossEntropy, ortNodeEngine, predict, readTensors, type Tensor, writeNpz } from "@hessonite/core";
import { rankingQuality } from "@hessonite/influence";
import { influenceCommandResult } from "../influence/result.ts";
import { table } from "../terminal/table.ts";
import { digitProblem, flippedLabels, trainedAnew } from "./flippedLabels.ts";
import { digits, type Section, type Stage } from "./stage.ts";

const report = "hessonite-influence-report.html";
const classifier = "digits-cnn.onnx";
const onTraining = ["--train", digits("digits-train.npz"), "--scale", "1/255", "--loss", "cross-entropy"];

export const influence: Section = async (stage) => {
  const folder = await mkdtemp(join(tmpdir(), "hessonite-demo-"));
  try {
    return (await blame(stage, folder)) || (await findFlipped(stage, folder));
  } finally {
    await rm(folder, { recursive: true });
  }
};

interface Mistake {
  readonly row: number;
  readonly truth: number;
  readonly read: number;
}

async function blame(stage: Stage, folder: string): Promise<number> {
  stage.heading("Which training digits made it misread a test digit?");
  const mistakes = await misread();
  const [file, names] = [join(folder, "misread.npz"), join(folder, "misread.txt")];
  await writeRows(
    file,
    mistakes.map(({ row }) => row),
  );
  const lines = mistakes.map(({ row, truth, read }) => `test digit ${row}, a ${truth} read as ${read}`);
  await writeFile(names, `${lines.join("\n")}\n`);
  const words = ["influence", digits(classifier), ...onTraining, "--query", file, "--query-ids", names];
  const found = await stage.json([...words, "--top", "4", "--report", report]);
  if (!found) return 1;
  const { queries } = influenceCommandResult.parse(found);
  const labels = await labelsOf("digits-train.npz");
  const rows = queries.map(({ harmful }, i) => {
    const { row = 0, truth = 0, read = 0 } = mistakes[i] ?? {};
    const blamed = harmful.map((one) => `${labels[one.row]} (row ${one.row})`).join("  ");
    return [String(row), String(truth), String(read), blamed];
  });
  const right = { align: "right" as const };
  const columns = [
    { title: "test digit", ...right },
    { title: "is a", ...right },
    { title: "read as", ...right },
  ];
  const blamed = { title: "to blame: training digits whose removal would help most" };
  stage.terminal.out(`${table([...columns, blamed], rows, stage.paint)}\n`);
  stage.reported(report);
  return 0;
}

/** The test digits that the classifier gets wrong. */
async function misread(): Promise<Mistake[]> {
  await using engine = ortNodeEngine();
  await using problem = await digitProblem(digits(classifier), digits("digits.npz"), engine);
  const mistakes: Mistake[] = [];
  for await (const { firstRow, rows, prediction, target } of predict(problem)) {
    const classes = prediction.data.length / (prediction.shape[0] ?? 1);
    for (let i = 0; i < rows; i++) {
      const logits = Array.from(prediction.data.subarray(i * classes, (i + 1) * classes));
      const read = logits.indexOf(Math.max(...logits));
      const truth = Number(target?.data[i]);
      if (read !== truth) mistakes.push({ row: firstRow + i, truth, read });
    }
  }
  return mistakes;
}

async function writeRows(path: string, rows: readonly number[]): Promise<void> {
  const { tensors } = await readTensors(digits("digits.npz"));
  const arrays: Record<string, Tensor> = {};
  for (const [name, stored] of tensors) {
    const { dtype, shape, data } = await stored.read();
    const size = shape.slice(1).reduce((n, d) => n * d, 1);
    const chosen = new Float64Array(rows.length * size);
    rows.forEach((row, i) => {
      chosen.set(data.subarray(row * size, (row + 1) * size), i * size);
    });
    arrays[name] = { dtype, shape: [rows.length, ...shape.slice(1)], data: chosen };
  }
  await writeNpz(path, arrays);
}

async function labelsOf(name: string): Promise<number[]> {
  const { tensors } = await readTensors(digits(name));
  return Array.from((await tensors.get("y")?.read())?.data ?? []);
}

const [share, epochs] = [0.1, 4];

async function findFlipped(stage: Stage, folder: string): Promise<number> {
  stage.heading(`Every tenth label is flipped, a network is trained for ${epochs} epochs: are they found again?`);
  const [data, model, scores] = [join(folder, "flipped.npz"), join(folder, "flipped.onnx"), join(folder, "self.npz")];
  const flipped = await flippedLabels(digits("digits-train.npz"), data, share);
  await trainedAnew(digits(classifier), data, model, { epochs, loss: crossEntropy() });
  const words = ["influence", model, "--train", data, "--scale", "1/255", "--loss", "cross-entropy"];
  const code = await stage.run([...words, "--self", "--out", scores]);
  if (code !== 0) return code;
  const { tensors } = await readTensors(scores);
  const self = Array.from((await tensors.get("self")?.read())?.data ?? []);
  const count = flipped.reduce((n, marked) => n + marked, 0);
  const order = self.map((score, row) => ({ score, row })).sort((a, b) => b.score - a.score);
  const found = order.slice(0, count).filter(({ row }) => flipped[row]).length;
  stage.terminal.out(
    `\n${found} of the ${count} flipped labels are among the ${count} rows with the largest influence on themselves.\n` +
      `Area under the ROC curve: ${stage.paint.bold(rankingQuality(self, flipped).toFixed(3))}\n`,
  );
  return 0;
}

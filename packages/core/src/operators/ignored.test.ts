/** Labels that do not count, as a data file says it: the loss and its gradient are those of the other rows. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { datasetFromFile } from "../data/fromFile.ts";
import { writeNpz } from "../data/npz.ts";
import { slice } from "../data/slice.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { MismatchError, UsageError } from "../errors.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import type { Loss } from "../loss/loss.ts";
import { squaredError } from "../loss/squaredError.ts";
import { expectClose } from "../testing/expectClose.ts";
import { normalFloats, tanhNetwork } from "../testing/smallModels.ts";
import { gradientAndLoss } from "./gradientAndLoss.ts";
import { kfac } from "./kfac.ts";
import { createProblem } from "./problem.ts";

const folder = await mkdtemp(join(tmpdir(), "hessonite-ignored-"));
afterAll(() => rm(folder, { recursive: true }));

const model = tanhNetwork([3, 4, 2]);
const all = normalFloats([6, 3], 1, "x");
const rowsOf = (rows: readonly number[]): Tensor =>
  tensor(
    "float32",
    [rows.length, 3],
    rows.flatMap((row) => [...all.data.subarray(3 * row, 3 * row + 3)]),
  );
const labels = (...data: number[]): Tensor => tensor("int64", [data.length], data);
const counted = [0, 2, 3, 5];
const classes = [1, 0, 0, 1, 1, 0];

async function fileOf(arrays: Record<string, Tensor>): Promise<string> {
  const path = join(folder, `${Math.random()}.npz`);
  await writeNpz(path, arrays);
  return path;
}

const modelInputs = model.inputs.map(({ name }) => ({ name }));

async function evaluate(
  arrays: Record<string, Tensor>,
  { loss = crossEntropy(), mask }: { loss?: Loss; mask?: string } = {},
): Promise<number[]> {
  const data = await datasetFromFile(await fileOf(arrays), { modelInputs, batchSize: 4, mask });
  await using engine = referenceEngine();
  await using problem = await createProblem({ model, data, loss, engine });
  const found = await gradientAndLoss(problem);
  return [found.loss, ...found.gradient];
}

const expected = await evaluate({ x: rowsOf(counted), y: labels(...counted.map((row) => classes[row]!)) });
const marked = (index: number): Tensor => labels(...classes.map((c, row) => (counted.includes(row) ? c : index)));

describe("labels do not count", () => {
  it("that an ignore_index of the data marks", async () => {
    for (const index of [-100, 7])
      expectClose(
        await evaluate({ x: all, y: marked(index), ignore_index: tensor("int64", [], [index]) }),
        expected,
        `${index}`,
      );
  });

  it("where a mask is 0, whatever they are", async () => {
    const attention = labels(...classes.map((_, row) => Number(counted.includes(row))));
    const arrays = { x: all, y: labels(...classes), attention };
    expectClose(await evaluate(arrays, { mask: "attention" }), expected, "masked");
    const index = tensor("int64", [1], [-1]);
    expectClose(
      await evaluate({ ...arrays, y: marked(-1), ignore_index: index }, { mask: "attention" }),
      expected,
      "both",
    );
  });

  it("that the caller names; the data's own index is then a label", async () => {
    const arrays = { x: all, y: marked(-5), ignore_index: tensor("int64", [], [1]) };
    expectClose(await evaluate(arrays, { loss: crossEntropy({ ignoreIndex: -5 }) }), expected, "the caller's");
  });
});

describe("what does not fit is said", () => {
  it.each([
    ["a mask of another shape", { mask: labels(1, 1, 1) }, MismatchError, /the mask has another shape than the labels/],
    ["a mask that is not there", {}, UsageError, /the file has no array of that name/],
    [
      "a target that holds no labels",
      { mask: labels(1, 1, 1, 1, 1, 1), y: all },
      UsageError,
      /the target holds no labels/,
    ],
    [
      "an index that is a list",
      { ignore_index: labels(1, 2), mask: labels(1, 1, 1, 1, 1, 1) },
      UsageError,
      /no single integer/,
    ],
  ])("%s", async (_, arrays, kind, message) => {
    const attempt = evaluate(
      { x: all, y: labels(...classes), ...(arrays as Record<string, Tensor>) },
      { mask: "mask" },
    );
    await expect(attempt).rejects.toThrow(kind);
    await expect(attempt).rejects.toThrow(message);
  });
});

it("a part of the data knows the index; a loss without labels has no use for it", async () => {
  const path = await fileOf({ x: all, y: marked(-100), ignore_index: labels(-100) });
  const data = await datasetFromFile(path, { modelInputs });
  expect(slice(data, 1, 4).ignoreIndex).toBe(-100);
  const arrays = { x: all, y: normalFloats([6, 2], 2, "y") };
  const plain = await evaluate(arrays, { loss: squaredError() });
  expectClose(await evaluate({ ...arrays, ignore_index: labels(0) }, { loss: squaredError() }), plain, "mse");
});

it("a loss without labels refuses what is masked: it would be taken for a number", async () => {
  const y = tensor("int64", [6, 2], [1, 0, 2, 1, 0, 1, 3, 1, 2, 2, 0, 1]);
  const mask = tensor("int64", [6, 2], [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
  const attempt = evaluate({ x: all, y, mask }, { loss: squaredError(), mask: "mask" });
  await expect(attempt).rejects.toThrow(UsageError);
  await expect(attempt).rejects.toThrow("the loss knows no labels that do not count");
  const none = mask.data.map(() => 1);
  const whole = { loss: squaredError(), mask: "mask" };
  expectClose(
    await evaluate({ x: all, y, mask: { ...mask, data: none } }, whole),
    await evaluate({ x: all, y }, { loss: squaredError() }),
    "nothing masked",
  );
});

it("Kronecker factors are those of the rows that count", async () => {
  const factorsOf = async (arrays: Record<string, Tensor>): Promise<number[][]> => {
    const data = await datasetFromFile(await fileOf(arrays), { modelInputs, batchSize: 4 });
    await using engine = referenceEngine();
    await using problem = await createProblem({ model, data, loss: crossEntropy(), engine });
    expect(problem.survey.weightedRows).toBe(counted.length);
    const { factors } = await kfac(problem);
    return factors.blocks.map(({ a, g }) => [...(a && "data" in a ? a.data : (a ?? [])), ...g.data]);
  };
  const found = await factorsOf({ x: all, y: marked(-100), ignore_index: labels(-100) });
  const alone = await factorsOf({ x: rowsOf(counted), y: labels(...counted.map((row) => classes[row]!)) });
  expect(found.length).toBe(2);
  found.forEach((block, i) => expectClose(block, alone[i]!, `block ${i}`));
});

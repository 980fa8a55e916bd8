import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { readCase } from "../../conformance/case.ts";
import type { Batch, Dataset } from "../../data/dataset.ts";
import { referenceEngine } from "../../engine/reference/engine.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { Matrix } from "../../linalg/matrix.ts";
import { crossEntropy } from "../../loss/crossEntropy.ts";
import type { Loss } from "../../loss/loss.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { toDense } from "../dense.ts";
import { kfacOf } from "../kfac.ts";
import { createProblem, type Problem } from "../problem.ts";
import { kroneckerFactors } from "./kroneckerFactors.ts";
import { averageFactors, mergeFactors } from "./mergeFactors.ts";
import { loadFactors, saveFactors } from "./store.ts";

const cases = fileURLToPath(new URL("../../../testdata/conformance/", import.meta.url));
const engine = referenceEngine();
const folder = await mkdtemp(join(tmpdir(), "factors-"));
afterAll(() => rm(folder, { recursive: true }));

/** The case with some of its batches; with another loss and other targets where they are given. */
async function part(
  name: string,
  keep: (index: number) => boolean,
  changed: { readonly loss?: Loss; readonly target?: (given: Tensor, index: number) => Tensor } = {},
): Promise<Problem> {
  const { model, data, loss: own, parameters } = await readCase(`${cases}/${name}`, { exact: true });
  const { loss = own, target = (given: Tensor) => given } = changed;
  const some: Dataset = {
    name: "part",
    async *batches(): AsyncGenerator<Batch> {
      let index = 0;
      for await (const batch of data.batches()) {
        if (keep(index)) yield { ...batch, target: target(batch.target!, index) };
        index++;
      }
    },
  };
  return createProblem({ model, data: some, loss, parameters, engine });
}

describe("factors in parts and in files", () => {
  it.each(["mlp_ce_mean", "mlp_mse_sum", "seq_ce_mean"])(
    "of two unequal parts merge to those of the whole: %s",
    async (name) => {
      await using whole = await part(name, () => true);
      await using first = await part(name, (i) => i === 0);
      await using rest = await part(name, (i) => i > 0);
      const merged = mergeFactors(await kroneckerFactors(first), await kroneckerFactors(rest));
      const { size } = whole.space;
      expectClose(
        await toDense(kfacOf(merged, size)),
        await toDense(kfacOf(await kroneckerFactors(whole), size)),
        "merged",
      );
    },
  );

  it("merge by loss terms, not rows, where one part has more of them masked", async () => {
    const ignored = -100;
    const changed = {
      loss: crossEntropy({ ignoreIndex: ignored }),
      target: (given: Tensor, index: number): Tensor => ({
        ...given,
        data: Float64Array.from(given.data, (label, i) => (index === 0 && i % 3 > 0 ? ignored : label)),
      }),
    };
    await using whole = await part("seq_ce_mean", () => true, changed);
    await using first = await part("seq_ce_mean", (i) => i === 0, changed);
    await using rest = await part("seq_ce_mean", (i) => i > 0, changed);
    const [a, b, both] = await Promise.all([first, rest, whole].map((problem) => kroneckerFactors(problem)));
    expect(a!.count / a!.rows).toBeLessThan(b!.count / b!.rows);
    mergeFactors(a!, b!).blocks.forEach((block, i) => {
      expectClose(block.g.data, both!.blocks[i]!.g.data, `${block.name}: G`);
      expectClose((block.a as Matrix).data, (both!.blocks[i]!.a as Matrix).data, `${block.name}: A`);
    });
  });

  it("come back from a file as they were", async () => {
    await using problem = await part("cnn_ce_mean", () => true);
    const factors = await kroneckerFactors(problem);
    await saveFactors(join(folder, "a.safetensors"), problem, factors);
    const loaded = await loadFactors(join(folder, "a.safetensors"), problem);
    expect(loaded).toEqual(factors);
  });

  it("are refused for another model, and where the file holds none", async () => {
    await using problem = await part("mlp_ce_mean", () => true);
    await using other = await part("mlp_ce_sum", () => true);
    await using third = await part("mlp_mse_mean", () => true);
    await saveFactors(join(folder, "b.safetensors"), problem, await kroneckerFactors(problem));
    await expect(loadFactors(join(folder, "b.safetensors"), third)).rejects.toThrow("of another model or checkpoint");
    const a = await kroneckerFactors(problem);
    const b = await kroneckerFactors(other);
    expect(() => mergeFactors(a, b)).toThrow("Cannot merge factors");
    await writeFile(join(folder, "c.safetensors"), new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]));
    await expect(loadFactors(join(folder, "c.safetensors"), problem)).rejects.toThrow("no manifest");
  });

  it("move towards fresh ones by an average that forgets", async () => {
    await using first = await part("mlp_ce_mean", (i) => i === 0);
    await using rest = await part("mlp_ce_mean", (i) => i > 0);
    const [old, fresh] = [await kroneckerFactors(first), await kroneckerFactors(rest)];
    const moved = averageFactors(old, fresh, 0.75);
    const [o, f, m] = [old, fresh, moved].map((x) => x.blocks[0]!.g.data[0]!);
    expect(m).toBeCloseTo(0.75 * o! + 0.25 * f!, 14);
  });
});

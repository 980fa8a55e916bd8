/** Diagonals layer by layer, of every kind of label and convention, against dense matrices and single gradients. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readCase } from "../../conformance/case.ts";
import { referenceEngine } from "../../engine/reference/engine.ts";
import { eighMany } from "../../linalg/eigh.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { diagonalOf } from "../dense.ts";
import { ekfac } from "../ekfac.ts";
import { empiricalFisher } from "../empiricalFisher.ts";
import { eigenOf } from "../factors/eigen.ts";
import { eigenvalueCorrection } from "../factors/eigenvalueCorrection.ts";
import { kroneckerFactors } from "../factors/kroneckerFactors.ts";
import { layerBlocks } from "../factors/layerBlocks.ts";
import { ggn } from "../ggn.ts";
import { perExampleGradients } from "../perExampleGradients.ts";
import { createProblem, type Problem } from "../problem.ts";
import { vectorisedDiagonal } from "../vectorisedDiagonal.ts";
import { blockDiagonals, layerDiagonal } from "./blockDiagonals.ts";

const folder = fileURLToPath(new URL("../../../testdata/conformance/", import.meta.url));
const engine = referenceEngine();

async function problemOf(name: string): Promise<Problem> {
  const { model, data, loss, parameters } = await readCase(`${folder}/${name}`, { exact: true });
  return createProblem({ model, data, loss, parameters, engine });
}

const shared = ["seq_ce_mean", "seq_mse_sum", "conv_expand_mse_mean", "tied_mixed_bias_mse_mean"];
const drawn = { samples: 3, seed: 5 };

describe("diagonals of layers", () => {
  it.each(["mlp_ce_mean", "conv_grouped_strided_dilated_mse_mean", ...shared])(
    "are the GGN's, term by term: %s",
    async (name) => {
      await using problem = await problemOf(name);
      const found = await layerDiagonal(problem, { fisher: "type-2" }, { convention: "perTerm" });
      expectClose(found, await diagonalOf(ggn(problem)), "diagonal");
      expectClose(await vectorisedDiagonal(problem, problem.loss.likelihood!, {}), found, "pulled back one by one");
    },
  );

  it.each(["mlp_ce_mean", "mlp_mse_sum"])("are the sampled matrix's where labels are drawn: %s", async (name) => {
    await using problem = await problemOf(name);
    const truth = await diagonalOf(ggn(problem, { fisher: "sampled", ...drawn }));
    expectClose(await layerDiagonal(problem, { fisher: "mc", ...drawn }, { convention: "perTerm" }), truth, "diagonal");
    const options = { fisher: "sampled", ...drawn } as const;
    expectClose(await vectorisedDiagonal(problem, problem.loss.likelihood!, options), truth, "pulled back one by one");
  });

  it.each(["mlp_ce_mean", "seq_ce_mean"])("are the empirical Fisher matrix's, term by term: %s", async (name) => {
    await using problem = await problemOf(name);
    const truth = await diagonalOf(empiricalFisher(problem));
    expectClose(await layerDiagonal(problem, { fisher: "empirical" }, { convention: "perTerm" }), truth, "diagonal");
  });

  it.each(["mlp_ce_sum", "seq_mse_sum"])("are sums of squared gradients of rows, datum by datum: %s", async (name) => {
    await using problem = await problemOf(name);
    const { size } = problem.space;
    const truth = new Float64Array(size);
    for await (const { gradients } of perExampleGradients(problem)) {
      gradients.forEach((x, at) => {
        truth[at % size]! += x * x;
      });
    }
    expectClose(await layerDiagonal(problem, { fisher: "empirical" }, { convention: "perDatum" }), truth, "diagonal");
  });
});

it("are those of the blocks that are asked for, whatever was asked for before", async () => {
  await using problem = await problemOf("mlp_ce_mean");
  const { blocks, request } = layerBlocks(problem);
  const all = await blockDiagonals(problem, blocks, request, { convention: "perTerm" });
  const rest = await blockDiagonals(problem, blocks.slice(1), request, { convention: "perTerm" });
  expect(rest.length).toBe(blocks.length - 1);
  rest.forEach(({ data }, b) => expectClose(data, all[b + 1]!.data, blocks[b + 1]!.name));
  const factors = await kroneckerFactors(problem);
  const eigen = await eigenOf(factors.blocks, eighMany);
  const values = await eigenvalueCorrection(problem, factors, eigen, { convention: "perTerm" });
  const fewer = { ...factors, blocks: factors.blocks.slice(1) };
  const last = await eigenvalueCorrection(problem, fewer, eigen.slice(1), { convention: "perTerm" });
  last.forEach(({ data }, b) => expectClose(data, values[b + 1]!.data, `eigenvalues of ${blocks[b + 1]!.name}`));
});

it("EKFAC of drawn labels has the trace of the sampled matrix, as the same labels are drawn", async () => {
  for (const name of ["mlp_ce_mean", "mlp_mse_sum"]) {
    await using problem = await problemOf(name);
    const truth = (await diagonalOf(ggn(problem, { fisher: "sampled", ...drawn }))).reduce((sum, x) => sum + x, 0);
    const found = await (await ekfac(problem, { fisher: "mc", ...drawn })).exact!.trace!();
    expectClose([found], [truth], `trace, ${name}`);
  }
});

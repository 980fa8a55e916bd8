/** The MNIST classifier through the plugin: no harm to its probabilities, and clothes and turned digits told apart better. */
import { createHost } from "@hessonite/core";
import { expect, test } from "vitest";
import { laplace } from "./plugin.ts";

const folder = "testdata/mnist";
const rows = (name: string) => ({ file: `${folder}/${name}.npz`, scale: 1 / 255, batchSize: 256 });

test.each([
  ["clothes", "fashion", 0.08],
  ["digits turned by a quarter", "rotated", 0.04],
] as const)("%s", { timeout: 300_000 }, async (_, other, gain) => {
  await using host = createHost();
  const result = await host.run(laplace, {
    inputs: {
      model: `${folder}/digits-cnn.onnx`,
      train: rows("digits-train"),
      heldOut: rows("digits"),
      other: rows(other),
    },
    options: { likelihood: "categorical", weights: "last-layer" },
  });
  const row = (part: string) => result.table.find(({ name }) => name.includes(part))!;
  const map = row("the model");
  // The usual recipe does harm, so what is deployed is the model's own, or what held-out rows showed to be better.
  expect(row("probit").nll).toBeGreaterThan(2 * map.nll);
  const deployed = result.table.find(({ name }) => name.startsWith("chosen")) ?? map;
  expect(deployed.nll).toBeLessThanOrEqual(map.nll);
  expect(row("Monte Carlo").auroc!).toBeGreaterThan(map.auroc! + gain);
  expect(row("Monte Carlo").fpr95!).toBeLessThan(map.fpr95! - 0.1);
});

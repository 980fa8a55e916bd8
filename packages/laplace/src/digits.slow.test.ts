/** The study of the digits holds: no harm done to probabilities, and an uncertainty that is worth its name. */
import { ortNodeEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { digitsStudy } from "../bench/digitsStudy.ts";

test("five classifiers, both halves", { timeout: 1_500_000 }, async () => {
  await using engine = ortNodeEngine();
  const { rows } = await digitsStudy(engine);
  const row = (name: string) => rows.find((one) => one.name === name)!;
  const map = row("the model (MAP)");
  expect(row("auto").nll).toBeLessThanOrEqual(map.nll);
  // The recipe that is usual elsewhere makes a well-calibrated network much worse.
  expect(row("last layer, Kronecker, evidence, probit").nll).toBeGreaterThan(2 * map.nll);
  for (const name of ["last layer, full, evidence, Monte Carlo", "all layers, Kronecker, evidence, Monte Carlo"]) {
    expect(row(name).noise).toBeGreaterThan(map.noise + 0.02);
    expect(row(name).permuted).toBeGreaterThan(map.permuted + 0.01);
  }
});

import { expect, it } from "vitest";
import { eigh, eighSync } from "./eigh.ts";
import { randomSymmetric } from "./knownMatrices.ts";

it("a job that is told to stop while it waits is gone at once, and the others go on", async () => {
  const a = randomSymmetric(260);
  const controller = new AbortController();
  let finished = 0;
  const others = Array.from({ length: 12 }, async () => {
    const { values } = await eigh(a, { backend: "wasm", workers: 2 });
    finished++;
    return values;
  });
  const last = eigh(a, { backend: "wasm", signal: controller.signal });
  await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort(new Error("enough"));
  await expect(last).rejects.toThrow("enough");
  expect(finished).toBeLessThan(12);
  const { values } = eighSync(a);
  for (const found of await Promise.all(others)) expect(found).toEqual(values); // to the last bit
});

import { expect, test } from "vitest";
import { engineSpeed } from "./engineSpeed.ts";
import { ortNodeEngine } from "./ort/ortNode.ts";
import { referenceEngine } from "./reference/engine.ts";

test("the runtime multiplies matrices at more than the interpreter's speed, and both speeds are possible", async () => {
  await using reference = referenceEngine();
  await using runtime = ortNodeEngine({ threads: 1 });
  const [slow, fast] = [await engineSpeed(reference), await engineSpeed(runtime)];
  expect(fast.productFlops).toBeGreaterThan(2 * slow.productFlops);
  for (const { productFlops, elementFlops, runSeconds } of [slow, fast]) {
    expect(productFlops).toBeGreaterThan(1e6);
    expect(productFlops).toBeLessThan(1e13);
    expect(elementFlops).toBeGreaterThan(1e5);
    expect(elementFlops).toBeLessThan(1e12);
    expect(runSeconds).toBeLessThan(0.5);
  }
});

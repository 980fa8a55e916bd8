import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { checkOnnxNodeDerivatives } from "./onnxNodeDerivatives.ts";

const cases = fileURLToPath(new URL("../../testdata/onnx-node/cases.npz", import.meta.url));

it("derivatives of ONNX's operator tests agree with differences to second order", async () => {
  const results = await checkOnnxNodeDerivatives(cases);
  expect(results.filter(({ outcome }) => outcome === "failed")).toEqual([]);

  const counts = new Map<string, number>();
  for (const { outcome, reason } of results) {
    const key = reason ? `${outcome}: ${reason}` : outcome;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(Object.fromEntries(counts)).toMatchInlineSnapshot(`
    {
      "passed": 478,
      "skipped: no float input, but for constants": 109,
      "skipped: no float output": 44,
    }
  `);
});

/** The residual network's gate: twice fewer FLOPs and 1.5 times the speed cost at most a point, without fine-tuning. */
import { ortNodeEngine } from "@hessonite/core";
import { expect, it } from "vitest";
import { channelMethods, channelStudy } from "../bench/channelStudy.ts";

it("a residual network loses more than half its FLOPs and at most a point", { timeout: 1_200_000 }, async () => {
  await using engine = ortNodeEngine();
  const study = await channelStudy(engine);
  const method = (name: string) => channelMethods.find((one) => one.name === name)!;
  const ours = await study.row(method("OBS, layers fitted"));
  expect(ours.flops).toBeGreaterThanOrEqual(2);
  expect(study.dense.accuracy - ours.accuracy).toBeLessThanOrEqual(1);
  for (const rows of [1, 32]) expect(ours.latency[rows]!.ratio).toBeGreaterThanOrEqual(1.5);
  expect(ours.bytes).toBeLessThan(0.75 * study.dense.bytes);
  const baseline = await study.row(method("magnitude, same share of each group"));
  expect(ours.accuracy - baseline.accuracy).toBeGreaterThan(20);
});

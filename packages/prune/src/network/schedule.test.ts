import { expect, test } from "vitest";
import { levelsUpTo, scheduledLevels } from "./schedule.ts";

test.each([
  ["linear", [0.3, 0.6, 0.9]],
  ["cubic", [0.9 * (1 - 8 / 27), 0.9 * (1 - 1 / 27), 0.9]],
  ["geometric", [1 - Math.sqrt(0.1), 1 - 0.1 ** 0.75, 0.9]],
] as const)("%s: three shots to nine tenths", (schedule, levels) => {
  scheduledLevels(0.9, 3, schedule).forEach((level, k) => expect(level).toBeCloseTo(levels[k]!, 12));
  expect(scheduledLevels(0.9, 1, schedule)).toEqual([0.9]);
});

test("levels to look at end with the one that is asked for", () => {
  expect(levelsUpTo(0.55)).toEqual([0.2, 0.4, 0.5, 0.55]);
  expect(levelsUpTo(0.5)).toEqual([0.2, 0.4, 0.5]);
});

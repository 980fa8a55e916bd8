import { describe, expect, it } from "vitest";
import { expectClose } from "./expectClose.ts";
import { tolerances } from "./tolerance.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

describe("expectClose", () => {
  it("allows for rounding, on the scale of the largest entry", () => {
    expectClose([1e6 + 1e-8, 1e-8], [1e6, 0], "sums");
    expectClose([inf, -inf, nan, -0], [inf, -inf, nan, 0], "what is not finite is itself");
    expectClose([], [], "nothing is nothing");
    expectClose([1.000001], [1], "in float32", tolerances.float32);
  });

  it("says which entry is worst, what was expected and what is claimed", () => {
    expect(() => expectClose([1, 2.5, 3.1], [1, 2, 3], "A v is the product")).toThrowErrorMatchingInlineSnapshot(`
      [Error: A v is the product: entry 1 of 3 is too far off
        expected  2
        found     2.5
        distance  5.0e-1, allowed 4.0e-13]
    `);
    expect(() => expectClose([1], [1, 2], "A v is the product")).toThrowErrorMatchingInlineSnapshot(`
      [Error: A v is the product: the lengths differ
        expected  2
        found     1]
    `);
  });

  it.each([
    [[1 + 1e-9], [1]],
    [[nan], [1]],
    [[1], [nan]],
    [[inf], [-inf]],
    [[inf], [1e308]],
    [
      [1e-9, inf],
      [0, inf],
    ],
  ])("fails for %j against %j", (actual, expected) => {
    expect(() => expectClose(actual, expected, "equal")).toThrow("too far off");
  });
});

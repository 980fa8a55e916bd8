import { describe, expect, it } from "vitest";
import { identity } from "./identity.ts";
import { parameterIndices, parameterSelection } from "./parameterSelection.ts";
import { parameterSpace } from "./parameterSpace.ts";
import { selection } from "./selection.ts";
import { submatrix } from "./submatrix.ts";

const space = parameterSpace([
  { name: "conv.weight", shape: [2, 1], dtype: "float32" },
  { name: "conv.bias", shape: [2], dtype: "float32" },
  { name: "head.weight", shape: [1, 2], dtype: "float32" },
]);

describe("selection", () => {
  it.each([
    [[0, 0], "comes twice"],
    [[3], "out of range"],
    [[-1], "out of range"],
  ])("refuses %j of three entries", (indices, why) => {
    expect(() => selection(indices, 3)).toThrow(why);
  });

  it("keeps the order asked for, row by row of K", async () => {
    const s = selection([2, 0], 3);
    expect(await s.apply(Float64Array.of(1, 2, 3, 4, 5, 6), { k: 2 })).toEqual(Float64Array.of(3, 1, 6, 4));
    expect(await s.adjoint().apply(Float64Array.of(1, 2, 3, 4), { k: 2 })).toEqual(Float64Array.of(2, 0, 1, 4, 0, 3));
  });

  it("of nothing makes no submatrix", () => {
    expect(() => submatrix(identity(3), [])).toThrow("empty");
  });
});

describe("the selection of parameters", () => {
  it("goes by name or glob, in the space's order", () => {
    expect([...parameterIndices(space, ["head.*", "conv.weight"])]).toEqual([0, 1, 4, 5]);
    expect([...parameterIndices(space, ["*.bias"])]).toEqual([2, 3]);
    expect(parameterSelection(space, ["*"]).shape).toEqual([6, 6]);
  });

  it("says which glob matches nothing", () => {
    expect(() => parameterIndices(space, ["conv.*", "body.*"])).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot choose parameters as a name or glob matches none
        found     body.*
        try       one of conv.weight, conv.bias, head.weight]
    `);
  });
});

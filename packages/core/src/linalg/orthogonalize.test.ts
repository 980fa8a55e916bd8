import { describe, expect, it } from "vitest";
import { expectClose } from "../testing/expectClose.ts";
import { randomMatrix } from "./knownMatrices.ts";
import { identity, matmul } from "./matrix.ts";
import { freshDirection, orthonormalRows, projectOut } from "./orthogonalize.ts";
import { dot, norm, normals, row } from "./vector.ts";

const n = 30;

describe("projectOut", () => {
  it("leaves what is orthogonal up to rounding of itself, where nearly nothing is left", () => {
    const { basis } = orthonormalRows(randomMatrix(5, n, 1).data, n);
    const small = normals(n, 2, "small");
    const x = Float64Array.from(small, (s, j) => basis[j]! + 2 * basis[n + j]! + 1e-9 * s);
    const components = projectOut(x, basis, 5);
    expectClose(components.subarray(0, 2), [1, 2], "components", { relative: 1e-7, absolute: 0 });
    for (let i = 0; i < 5; i++) expect(Math.abs(dot(row(basis, i, n), x)) / norm(x)).toBeLessThan(1e-13);
    expect(norm(x)).toBeGreaterThan(1e-10);
  });

  it("looks at the first rows alone", () => {
    const { basis } = orthonormalRows(randomMatrix(3, n, 1).data, n);
    const x = row(basis, 2, n).slice();
    expect([...projectOut(x, basis, 2)].every((c) => Math.abs(c) < 1e-14)).toBe(true);
    expectClose(x, row(basis, 2, n), "x");
  });
});

describe("orthonormalRows", () => {
  it("is orthonormal and gives the rows back, nearly dependent ones too", () => {
    const x = randomMatrix(4, n, 3);
    for (let j = 0; j < n; j++) x.data[3 * n + j] = x.data[j]! + 1e-10 * x.data[3 * n + j]!;
    const { basis, coefficients, rank } = orthonormalRows(x.data, n);
    expect(rank).toBe(4);
    const q = { rows: 4, columns: n, data: basis };
    expectClose(matmul(q, q, { b: true }).data, identity(4).data, "Q Qᵀ = I");
    expectClose(matmul({ rows: 4, columns: 4, data: coefficients }, q).data, x.data, "C Q = X");
  });

  it("leaves out rows that depend on earlier ones, and what is known", () => {
    const [one, known] = [normals(n, 4, "one"), orthonormalRows(normals(n, 5, "known"), n).basis];
    const rows = Float64Array.from([...one, ...one.map((x) => 3 * x), ...new Float64Array(n), ...known]);
    const { basis, coefficients, rank } = orthonormalRows(rows, n, known);
    expect(rank).toBe(1);
    expect(Math.abs(dot(basis, known))).toBeLessThan(1e-14);
    expectClose(coefficients, [coefficients[0]!, 3 * coefficients[0]!, 0, 0], "C", {
      relative: 1e-13,
      absolute: 1e-14,
    });
  });
});

it("a fresh direction is a unit vector orthogonal to the rest", () => {
  const { basis } = orthonormalRows(randomMatrix(n - 1, n, 6).data, n);
  const fresh = freshDirection(basis, n - 1, n, 0);
  expect(norm(fresh)).toBeCloseTo(1, 14);
  for (let i = 0; i < n - 1; i++) expect(Math.abs(dot(row(basis, i, n), fresh))).toBeLessThan(1e-13);
});

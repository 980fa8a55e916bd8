import { describe, expect, it } from "vitest";
import { erf } from "./erf.ts";

/** [x, erf x], from mpmath at 60 digits, on every interval of the approximation and at its seams. */
const known = [
  [1e-300, 1.1283791670955126e-300],
  [1e-10, 1.1283791670955126e-10],
  [0.1, 0.1124629160182849],
  [0.25, 0.27632639016823696],
  [0.46875, 0.49261347321793797],
  [0.46876, 0.4926225311068465],
  [0.5, 0.5204998778130465],
  [0.75, 0.7111556336535151],
  [1, 0.8427007929497149],
  [1.5, 0.9661051464753108],
  [2, 0.9953222650189527],
  [2.5, 0.999593047982555],
  [3.5, 0.9999992569016276],
  [3.999, 0.9999999844552505],
  [4, 0.9999999845827421],
  [4.001, 0.9999999847092178],
  [5, 0.9999999999984626],
  [5.9, 0.9999999999999999],
  [6, 1],
] as const;

describe("erf", () => {
  it.each(known)("of %d is %d to 1e-15", (x, y) => {
    expect(Math.abs(erf(x) - y)).toBeLessThanOrEqual(1e-15 * y);
    expect(erf(-x)).toBe(-erf(x));
  });

  it("has the derivative 2/√π exp(−x²), across the seams too", () => {
    for (let x = -6.5; x <= 6.5; x += 0.013) {
      const h = 1e-4;
      const slope = (erf(x - 2 * h) - 8 * erf(x - h) + 8 * erf(x + h) - erf(x + 2 * h)) / (12 * h);
      expect(slope).toBeCloseTo((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x), 10);
    }
  });
});

import { describe, expect, it } from "vitest";
import { randomStream } from "../random/random.ts";
import { effectiveParameters, logEvidence, type Spectrum, selectRegulariser } from "./selectRegulariser.ts";

const stream = randomStream(3, "spectrum");
const spectrum: Spectrum = {
  eigenvalues: Float64Array.from({ length: 200 }, () => Math.exp(4 * stream.normal() - 4)),
  squaredNorm: 31,
  rows: 400,
  temperature: 0.3,
};

describe("the regulariser by evidence", () => {
  it("is a fixed point of MacKay's rule", async () => {
    const {
      regulariser,
      effectiveParameters: gamma,
      outcome,
    } = await selectRegulariser(spectrum, { kind: "evidence" });
    expect(outcome).toBe("converged");
    expect(gamma).toBeCloseTo(effectiveParameters(spectrum.eigenvalues, regulariser), 8);
    expect(regulariser).toBeCloseTo((0.3 * gamma!) / (400 * 31), 12);
  });

  it("is where the plain iteration ends, from wherever it starts", async () => {
    const { regulariser } = await selectRegulariser(spectrum, { kind: "evidence" });
    for (const start of [1e-6, 1, 1e6]) {
      let delta = start;
      for (let i = 0; i < 5000; i++) delta = (0.3 * effectiveParameters(spectrum.eigenvalues, delta)) / (400 * 31);
      expect(delta / regulariser).toBeCloseTo(1, 6);
    }
  });

  it("is where the evidence is largest", async () => {
    const { regulariser, curve } = await selectRegulariser(spectrum, { kind: "evidence" });
    const h = 1e-5;
    const slope =
      (logEvidence(spectrum, regulariser * (1 + h)) - logEvidence(spectrum, regulariser * (1 - h))) / (2 * h);
    expect(Math.abs(slope)).toBeLessThan(1e-4);
    const best = curve.reduce((a, b) => (b.value > a.value ? b : a));
    expect(best.regulariser).toBe(regulariser);
  });

  it("says why there is none without curvature", async () => {
    await expect(
      selectRegulariser({ ...spectrum, eigenvalues: new Float64Array(3) }, { kind: "evidence" }),
    ).rejects.toThrow("Cannot choose a regulariser by evidence as the curvature or the parameters are zero");
  });
});

describe("other criteria", () => {
  it("takes the grid's best value and says where it stands", async () => {
    const grid = [10, 0.1, 1];
    const inside = await selectRegulariser(spectrum, { kind: "heldOut", grid, metric: (x) => -(Math.log(x) ** 2) });
    expect([inside.regulariser, inside.outcome]).toEqual([1, "converged"]);
    const end = await selectRegulariser(spectrum, { kind: "heldOut", grid, metric: (x) => x });
    expect([end.regulariser, end.outcome]).toEqual([10, "at the end of the grid"]);
  });

  it("takes the smallest of those that are equally good", async () => {
    const metric = (x: number): number => (x > 0.05 && x < 5 ? 1 : 0);
    const grid = [10, 0.1, 1, 0.01];
    const { regulariser, outcome } = await selectRegulariser(spectrum, { kind: "heldOut", grid, metric });
    expect([regulariser, outcome]).toEqual([0.1, "converged"]);
  });

  it("refuses what is not positive", async () => {
    await expect(selectRegulariser(spectrum, { kind: "fixed", value: 0 })).rejects.toThrow("not a positive number");
    await expect(selectRegulariser(spectrum, { kind: "heldOut", grid: [], metric: () => 0 })).rejects.toThrow(
      "the grid is empty",
    );
  });
});

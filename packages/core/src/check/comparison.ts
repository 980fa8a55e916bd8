/** What a check compares, and how far apart the two may be. */
import type { Engine } from "../engine/engine.ts";
import type { Vector } from "../operators/linearOperator.ts";
import type { ParameterSpace } from "../operators/parameterSpace.ts";
import type { EngineCheck, Quantity, Values } from "./engineCheck.ts";
import { quantities } from "./engineCheck.ts";
import { relativeError } from "./steps.ts";

export interface Comparison {
  readonly engine: string;
  readonly quantity: "loss" | Quantity;
  /** Central differences, the reference engine, or the smooth piece through θ that the differences are taken of. */
  readonly against: "differences" | "reference" | "piece";
  /** Relative, 2-norm. */
  readonly error: number;
  readonly tolerance: number;
  readonly passed: boolean;
  /** The best step, relative to the parameters' size. */
  readonly step?: number;
  /** The parameter with the largest part of the error. */
  readonly worst?: string;
}

/** Relative errors that differences may have, by the engine's precision: float32 leaves three digits of one, two of two. */
export const differenceTolerances: Readonly<Record<Engine["precision"], Readonly<Record<Quantity, number>>>> = {
  float32: { gradient: 1e-3, hessian: 1e-2, ggn: 1e-2 },
  float64: { gradient: 1e-6, hessian: 1e-6, ggn: 1e-6 },
};

/** A loss at the same point by two programs. */
const sameTolerance = { float32: 1e-4, float64: 1e-9 } as const;

/** Float32 beside float64. */
const engineTolerance = 1e-4;

export function fromDifferences(engine: Engine, { differences, pieceError }: EngineCheck): Comparison[] {
  const { name, precision } = engine;
  const piece = row(name, "loss", "piece", pieceError, sameTolerance[precision]);
  const rows = differences.map(({ quantity, error, step }) => ({
    ...row(name, quantity, "differences", error, differenceTolerances[precision][quantity]),
    step,
  }));
  return [piece, ...rows];
}

export function compared({ name }: Engine, found: Values, exact: Values, space: ParameterSpace): Comparison[] {
  const loss = row(
    name,
    "loss",
    "reference",
    relativeError(Float64Array.of(found.loss), Float64Array.of(exact.loss)),
    engineTolerance,
  );
  const rows = quantities.map((quantity) => ({
    ...row(name, quantity, "reference", relativeError(found[quantity], exact[quantity]), engineTolerance),
    worst: worstParameter(space, found[quantity], exact[quantity]),
  }));
  return [loss, ...rows];
}

function row(
  engine: string,
  quantity: Comparison["quantity"],
  against: Comparison["against"],
  error: number,
  tolerance: number,
): Comparison {
  return { engine, quantity, against, error, tolerance, passed: error <= tolerance };
}

function worstParameter({ parameters }: ParameterSpace, found: Vector, exact: Vector): string {
  const errors = parameters.map(({ name, offset, size }) => {
    const part = (x: Vector): Vector => x.subarray(offset, offset + size);
    return { name, error: part(found).reduce((sum, x, i) => sum + (x - (part(exact)[i] ?? 0)) ** 2, 0) };
  });
  return errors.reduce((a, b) => (b.error > a.error ? b : a)).name;
}

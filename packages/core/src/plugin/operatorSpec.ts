/**
 * Operators by specification: `{ kind: "ekfac", fisher: "type-2" }`.
 *
 * The union of all kinds is open: a package registers its own by `registerOperator`, and every schema that is made afterwards
 * knows it. A kind can be registered once.
 */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { diagonal as diagonalOperator } from "../operators/diagonal.ts";
import { ekfac } from "../operators/ekfac.ts";
import { empiricalFisher } from "../operators/empiricalFisher.ts";
import { layerDiagonal } from "../operators/examples/blockDiagonals.ts";
import type { FactorOptions } from "../operators/factors/request.ts";
import { ggn } from "../operators/ggn.ts";
import { ggnDiagonal } from "../operators/ggnDiagonal.ts";
import { hessian } from "../operators/hessian.ts";
import { identity } from "../operators/identity.ts";
import { kfac } from "../operators/kfac.ts";
import { kfoc } from "../operators/kfoc.ts";
import { layerwise } from "../operators/layerwise.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import type { Problem } from "../operators/problem.ts";
import { shampoo } from "../operators/shampoo.ts";
import { tkfac } from "../operators/tkfac.ts";

export interface OperatorSpec {
  readonly kind: string;
  readonly [option: string]: unknown;
}

export interface OperatorKind<Options extends z.ZodObject = z.ZodObject> {
  readonly kind: string;
  readonly summary: string;
  /** Its options, without `kind`. */
  readonly options: Options;
  build(problem: Problem, options: z.output<Options>): LinearOperator | Promise<LinearOperator>;
}

const kinds = new Map<string, OperatorKind>();

/** @throws {UsageError} if the kind is known already. */
export function registerOperator<Options extends z.ZodObject>(kind: OperatorKind<Options>): void {
  if (kinds.has(kind.kind)) {
    throw new UsageError("Cannot register an operator as its kind is known already", { found: kind.kind });
  }
  kinds.set(kind.kind, kind as unknown as OperatorKind);
}

/** Every kind that is known now, in the order of registration. */
export function operatorKinds(): readonly OperatorKind[] {
  return [...kinds.values()];
}

/** The schemas that were handed out, with the kinds that each takes. */
const handedOut = new WeakMap<z.ZodType, readonly string[] | undefined>();

/** The schema of all kinds, those that are registered later included; `only` narrows it. */
export function operatorSpec(only?: readonly string[]): z.ZodType<OperatorSpec, OperatorSpec> {
  const spec = z.unknown().superRefine((value, context) => {
    for (const issue of union(only).safeParse(value).error?.issues ?? []) context.addIssue({ ...issue } as never);
  }) as unknown as z.ZodType<OperatorSpec, OperatorSpec>;
  handedOut.set(spec, only);
  return spec;
}

/** The kinds that are known now as a discriminated union, of which a schema from `operatorSpec` is the open form. */
export function knownKinds(spec: z.ZodType): z.ZodType | undefined {
  return handedOut.has(spec) ? union(handedOut.get(spec)) : undefined;
}

function union(only: readonly string[] | undefined): z.ZodType {
  const chosen = operatorKinds().filter(({ kind }) => !only || only.includes(kind));
  const members = chosen.map(({ kind, summary, options }) =>
    z.strictObject({ kind: z.literal(kind).describe(summary), ...options.shape }),
  );
  return z.discriminatedUnion("kind", members as never);
}

/**
 * @throws {UsageError} if no such kind is registered.
 */
export async function buildOperator(spec: OperatorSpec, problem: Problem): Promise<LinearOperator> {
  const { kind, ...options } = spec;
  const known = kinds.get(kind);
  if (known) return known.build(problem, known.options.parse(options) as never);
  throw new UsageError("Cannot build an operator as its kind is not known", {
    expected: [...kinds.keys()].join(", "),
    found: kind,
    try: "import the package that registers it",
  });
}

const fisher = {
  fisher: z.enum(["type-2", "mc", "empirical"]).optional().describe("labels: expected exactly, drawn, or as given"),
  samples: z.int().positive().optional().describe("labels drawn a term, with mc"),
  seed: z.int().nonnegative().optional().describe("seed of the drawn labels"),
};
const convention = z
  .enum(["perTerm", "perDatum"])
  .optional()
  .describe("whether each term is squared, or a row's terms together");
const factored = {
  ...fisher,
  bias: z.enum(["joint", "separate"]).optional().describe("weight and bias in one block or two"),
  groups: z.enum(["exact", "average"]).optional().describe("grouped convolutions: a block a group, or averaged"),
};

/** The diagonal of every layer's curvature; the exact one of the Gauss–Newton matrix unless asked for otherwise. */
async function diagonalOf(
  problem: Problem,
  { convention: how = "perTerm", ...options }: DiagonalOptions,
): Promise<Float64Array> {
  if (how === "perTerm" && Object.keys(options).length === 0) return ggnDiagonal(problem);
  return layerDiagonal(problem, options, { convention: how });
}

interface DiagonalOptions extends FactorOptions {
  readonly convention?: "perTerm" | "perDatum";
}

const exactly = { ggn, hessian, "empirical-fisher": empiricalFisher };

/** Without the entries that are undefined. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

registerOperator({
  kind: "identity",
  summary: "no curvature: the identity",
  options: z.object({}),
  build: ({ space }) => identity(space.size),
});
registerOperator({
  kind: "diagonal",
  summary: "the diagonal of the Gauss-Newton matrix",
  options: z.object({ ...fisher, convention, groups: factored.groups }),
  build: async (problem, options) => diagonalOperator(await diagonalOf(problem, given(options))),
});
registerOperator({
  kind: "kfac",
  summary: "one Kronecker product a layer",
  options: z.object({ ...factored, approximation: z.enum(["expand", "reduce"]).optional() }),
  build: (problem, options) => kfac(problem, given(options)),
});
registerOperator({
  kind: "ekfac",
  summary: "KFAC's eigenbasis with the exact diagonal in it",
  options: z.object({ ...factored, convention }),
  build: (problem, options) => ekfac(problem, given(options)),
});
registerOperator({
  kind: "ggn",
  summary: "the exact Gauss-Newton matrix",
  options: z.object({}),
  build: (problem) => ggn(problem),
});
registerOperator({
  kind: "kfoc",
  summary: "the nearest Kronecker product to each layer's exact matrix",
  options: z.object({ ...fisher, groups: factored.groups }),
  build: (problem, options) => kfoc(problem, given(options)),
});
registerOperator({
  kind: "tkfac",
  summary: "a Kronecker product a layer, of the layer's own trace",
  options: z.object(factored),
  build: (problem, options) => tkfac(problem, given(options)),
});
registerOperator({
  kind: "shampoo",
  summary: "a Kronecker product a layer from its gradients' row and column sums",
  options: z.object(factored),
  build: (problem, options) => shampoo(problem, given(options)),
});
registerOperator({
  kind: "fisher-mc",
  summary: "the Fisher matrix of drawn labels",
  options: z.object({ samples: z.int().positive().default(1), seed: z.int().nonnegative().default(0) }),
  build: (problem, options) => ggn(problem, { fisher: "sampled", ...options }),
});
registerOperator({
  kind: "layerwise",
  summary: "an exact matrix, layer by layer",
  options: z.object({
    of: z.enum(["ggn", "hessian", "empirical-fisher"]).optional().describe("which matrix; ggn unless said"),
    dense: z.boolean().optional().describe("compute the blocks once, for inverses and products without passes"),
    bias: factored.bias,
  }),
  build: (problem, { of = "ggn", ...options }) => layerwise(problem, exactly[of](problem), given(options)),
});
registerOperator({
  kind: "hessian",
  summary: "the exact Hessian",
  options: z.object({}),
  build: (problem) => hessian(problem),
});
registerOperator({
  kind: "empirical-fisher",
  summary: "the Fisher matrix of the given labels",
  options: z.object({}),
  build: (problem) => empiricalFisher(problem),
});

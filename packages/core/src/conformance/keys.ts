/** How each kind of expected value is computed: one row a kind. */

import type { Dataset } from "../data/dataset.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { diagonalOf, toDense } from "../operators/dense.ts";
import { ekfac } from "../operators/ekfac.ts";
import { empiricalFisher } from "../operators/empiricalFisher.ts";
import type { Damping } from "../operators/factors/damping.ts";
import type { Approximation, FactorOptions } from "../operators/factors/request.ts";
import { ggn } from "../operators/ggn.ts";
import { ggnDiagonal } from "../operators/ggnDiagonal.ts";
import { gradientAndLoss } from "../operators/gradientAndLoss.ts";
import { hessian } from "../operators/hessian.ts";
import { jacobian } from "../operators/jacobian.ts";
import { kfac } from "../operators/kfac.ts";
import { kfoc } from "../operators/kfoc.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import { createProblem, type Problem } from "../operators/problem.ts";
import type { ConformanceCase } from "./case.ts";
import { oncePerProblem } from "./perProblem.ts";

export interface KeyRow {
  readonly pattern: RegExp;
  compute(c: {
    readonly problem: Problem;
    readonly one: ConformanceCase;
    readonly match: RegExpMatchArray;
  }): Promise<ArrayLike<number>>;
}

const operators: Readonly<Record<string, (problem: Problem) => LinearOperator>> = {
  Hessian: hessian,
  GGN: ggn,
  EF: empiricalFisher,
};

/** Operators and dense matrices are made once a problem. */
const operatorOf = oncePerProblem((problem, name) => operators[name]!(problem));
const denseOf = oncePerProblem((problem, name) => toDense(operatorOf(problem, name)));
const jacobianOf = oncePerProblem((problem, _) => jacobian(problem));

/** K rows to columns: expected products have the direction index last. */
function columnsOf(rows: Vector, k: number): Float64Array {
  const length = rows.length / k;
  return Float64Array.from({ length: rows.length }, (_, i) => rows[(i % k) * length + Math.floor(i / k)]!);
}

async function onProbes(op: LinearOperator, { probes }: ConformanceCase): Promise<Float64Array> {
  const k = probes.shape[0]!;
  return columnsOf(await op.apply(Float64Array.from(probes.data), { k }), k);
}

const norm = (x: Float64Array): number => Math.sqrt(x.reduce((sum, xi) => sum + xi * xi, 0));

/** The kit's KFAC: inputs averaged over the groups of a convolution. */
const kfacOf = oncePerProblem((problem, name) => {
  const [fisher, approximation, bias] = name.split("/") as [
    FactorOptions["fisher"] & string,
    Approximation,
    "joint" | "separate",
  ];
  return kfac(problem, { fisher, approximation, bias, groups: "average" });
});
const ekfacOf = oncePerProblem((problem, name) => {
  const [fisher, , bias] = name.split("/") as [FactorOptions["fisher"] & string, string, "joint" | "separate"];
  return ekfac(problem, { fisher, bias, groups: "average" });
});

/** The kit's damping, and its names for the forms. */
const damping = 1e-2;
const forms: Readonly<Record<string, Damping>> = { default: "factored", exact: "exact", heuristic: "heuristic" };

/** Frobenius norm of a structured operator, which knows it. */
async function exactNorm(op: LinearOperator): Promise<number> {
  return Math.sqrt(await op.exact!.squaredFrobeniusNorm!());
}

const kroneckerKeys: readonly KeyRow[] = [
  {
    pattern: /^KFAC\/([^.]*)\.AV$/,
    compute: async ({ problem, one, match }) => onProbes(await kfacOf(problem, match[1]!), one),
  },
  {
    pattern: /^KFAC\/([^.]*)\.trace$/,
    compute: async ({ problem, match }) => [await (await kfacOf(problem, match[1]!)).exact!.trace!()],
  },
  {
    pattern: /^KFAC\/([^.]*)\.fro$/,
    compute: async ({ problem, match }) => [await exactNorm(await kfacOf(problem, match[1]!))],
  },
  {
    pattern: /^KFAC\/([^.]*)\.factors\.(\d+)\.(\d)$/,
    async compute({ problem, match }) {
      const { g, a } = (await kfacOf(problem, match[1]!)).factors.blocks[Number(match[2])]!;
      return match[3] === "0" ? g.data : (a as Matrix).data;
    },
  },
  {
    pattern: /^KFAC\/([^.]*)\.inv_damp1e-2_(default|exact|heuristic)$/,
    compute: async ({ problem, one, match }) =>
      onProbes(await (await kfacOf(problem, match[1]!)).inverse(damping, forms[match[2]!]!), one),
  },
  {
    pattern: /^EKFAC\/([^.]*)\.AV$/,
    compute: async ({ problem, one, match }) => onProbes(await ekfacOf(problem, match[1]!), one),
  },
  {
    pattern: /^EKFAC\/([^.]*)\.trace$/,
    compute: async ({ problem, match }) => [await (await ekfacOf(problem, match[1]!)).exact!.trace!()],
  },
  {
    pattern: /^EKFAC\/([^.]*)\.fro$/,
    compute: async ({ problem, match }) => [await exactNorm(await ekfacOf(problem, match[1]!))],
  },
  {
    pattern: /^EKFAC\/([^.]*)\.inv_damp1e-2$/,
    compute: async ({ problem, one, match }) =>
      onProbes(await (await ekfacOf(problem, match[1]!)).exact!.inverse!(damping), one),
  },
];

/** The kit's KFOC sees batch 0 alone, groups averaged. */
const kfocOf = oncePerProblem(async (problem, _) => {
  await using first = await createProblem({
    model: problem.model,
    data: firstBatch(problem.data),
    loss: problem.loss,
    engine: problem.engine,
    parameters: problem.space.parameters.map((p) => p.name),
  });
  return kfoc(first, { fisher: "type-2", groups: "average" });
});

function firstBatch(data: Dataset): Dataset {
  return {
    name: `batch 0 of ${data.name}`,
    async *batches() {
      for await (const batch of data.batches()) {
        yield batch;
        return;
      }
    },
  };
}

const kfocKeys: readonly KeyRow[] = [
  {
    pattern: /^KFOC\/type-2\/first_batch\.AV$/,
    compute: async ({ problem, one }) => onProbes(await kfocOf(problem, ""), one),
  },
  {
    pattern: /^KFOC\/type-2\/first_batch\.fro$/,
    compute: async ({ problem }) => [await exactNorm(await kfocOf(problem, ""))],
  },
];

export const conformanceKeys: readonly KeyRow[] = [
  ...kroneckerKeys,
  ...kfocKeys,
  { pattern: /^loss$/, compute: async ({ problem }) => [(await gradientAndLoss(problem)).loss] },
  { pattern: /^gradient$/, compute: async ({ problem }) => (await gradientAndLoss(problem)).gradient },
  {
    pattern: /^(Hessian|GGN|EF)\.AV$/,
    compute: ({ problem, one, match }) => onProbes(operatorOf(problem, match[1]!), one),
  },
  {
    pattern: /^(Hessian|GGN|EF)\.diag$/,
    compute: ({ problem, match }) => diagonalOf(operatorOf(problem, match[1]!)),
  },
  {
    pattern: /^(Hessian|GGN|EF)\.trace$/,
    compute: async ({ problem, match }) => [
      (await diagonalOf(operatorOf(problem, match[1]!))).reduce((a, b) => a + b, 0),
    ],
  },
  {
    pattern: /^(Hessian|GGN|EF)\.fro$/,
    compute: async ({ problem, match }) => [norm(await denseOf(problem, match[1]!))],
  },
  { pattern: /^Jacobian\.shape$/, compute: async ({ problem }) => jacobianOf(problem, "").shape },
  { pattern: /^Jacobian\.JV$/, compute: ({ problem, one }) => onProbes(jacobianOf(problem, ""), one) },
  {
    pattern: /^Jacobian\.JTU$/,
    async compute({ problem, one }) {
      const u = await one.expected.tensors.get("Jacobian.U")!.read();
      return jacobianOf(problem, "").adjoint().apply(Float64Array.from(u.data));
    },
  },
  { pattern: /^GGNDiagonal$/, compute: ({ problem }) => ggnDiagonal(problem) },
];

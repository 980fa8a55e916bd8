/**
 * Kronecker factors of every layer, in one pass over the data.
 *
 *     expand:  A = 1/(N S) Σ_n Σ_s a aᵀ,    G = scale · Σ_n Σ_v Σ_s g gᵀ
 *     reduce:  A = 1/N Σ_n ā āᵀ,            G = scale · Σ_n Σ_v (Σ_s g)(Σ_s g)ᵀ        ā the mean over s
 *
 * v runs over the columns of the loss Hessian's factor, drawn scores, or the labels' scores. A table's A is diagonal: how
 * often each of its rows is taken. The block of a weight is G ⊗ A on row-major vec(W).
 *
 * Sources: Martens & Grosse (2015), arXiv:1503.05671; Grosse & Martens (2016), arXiv:1602.01407; Eschenhagen, Immer, Turner,
 * Schneider, Hennig (2023), arXiv:2311.00636 (expand, reduce).
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import { identity, type Matrix } from "../../linalg/matrix.ts";
import { captureLayers } from "../layers/capture.ts";
import type { Layer } from "../layers/layer.ts";
import type { Problem } from "../problem.ts";
import { type BlockShape, blockShapes } from "./blocks.ts";
import { fromPanels, panelsOf } from "./panels.ts";
import { type FactorOptions, type FactorRequest, factorRequest } from "./request.ts";
import { gramByGroup, inputSide, joinUses, outputSide, sharedPositions } from "./sides.ts";
import { keepMemory, type SeenLayer, sumStatistic } from "./statistics.ts";

export interface KroneckerBlock extends BlockShape {
  /** `[out, out]` */
  readonly g: Matrix;
  /** `[in, in]`; absent for a vector; a table's diagonal. */
  readonly a?: Matrix | Float64Array;
}

export const factorRules = ["kfoc", "tkfac", "shampoo"] as const;
export type FactorRule = (typeof factorRules)[number];

export interface KroneckerFactors {
  readonly blocks: readonly KroneckerBlock[];
  readonly request: FactorRequest;
  /** How the factors come from the layers' sides where it is not KFAC's way: such factors do not add up over parts. */
  readonly rule?: FactorRule;
  /** N: rows, each as often as its weight says. */
  readonly rows: number;
  /** What the loss's mean divides by. */
  readonly count: number;
  readonly reduction: "mean" | "sum";
}

/**
 * @param options `into`: factors that are needed no more, whose memory the new ones may take: saves fresh pages.
 * @throws {UnsupportedModelError} if a parameter is used in a way that is no layer.
 *
 * Cost: with `mc` and one sample about one and a half gradients; `type-2` pulls back as many vectors as there are classes.
 */
export async function kroneckerFactors(
  problem: Problem,
  options: FactorOptions & { readonly into?: KroneckerFactors } = {},
): Promise<KroneckerFactors> {
  const request = factorRequest(problem, options);
  const layers = captureLayers(problem.survey.binding);
  const blocks = blockShapes(problem.space, layers, request);
  const outputs = outputsOf(layers, request);
  const ofOutput = outputs.flatMap((output) => Array.from({ length: output.panels }, () => output));
  const sums = await sumStatistic(problem, {
    name: `kronecker factors ${JSON.stringify(request)}`,
    fisher: request.fisher,
    termwise: false,
    build: ({ g }, seen, rowWeights) => outputs.flatMap(({ emit, layer }) => emit(g, seen[layer]!, rowWeights)),
    perColumn: (i) => ofOutput[i]!.perColumn,
    ...(options.part ? { part: options.part } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  });
  const rows = problem.survey.weightedRows;
  const factor = problem.scale * (request.fisher.fisher === "mc" ? 1 / request.fisher.samples : 1);
  const find = (layer: number, side: Side): Float64Array[] =>
    sums.filter((_, i) => ofOutput[i]!.layer === layer && ofOutput[i]!.side === side);
  const finished = blocks.map((block, i) =>
    finish(block, layers[block.layer]!, request, { rows, factor, find }, options.into?.blocks[i]),
  );
  keepMemory(problem, sums);
  return { request, rows, count: problem.survey.count, reduction: problem.loss.reduction, blocks: finished };
}

type Side = "a" | "g" | "bias g";

interface Output {
  readonly layer: number;
  readonly side: Side;
  readonly perColumn: boolean;
  /** Of a Gram matrix; 1 of anything else. */
  readonly panels: number;
  emit(g: GraphBuilder, seen: SeenLayer, rowWeights: Value): readonly Value[];
}

/** Which sums are asked for: a layer's A, its G, and the bias's own G where that differs. */
function outputsOf(layers: readonly Layer[], request: FactorRequest): Output[] {
  const { approximation } = request;
  const reduce = approximation === "reduce";
  const backward = request.fisher.fisher !== "forward-only";
  return layers.flatMap((layer, i): Output[] => {
    const averageGroups = request.groups === "average";
    const joint = layer.bias !== undefined && request.bias === "joint";
    const list: Output[] = [];
    const width = averageGroups ? layer.groups * layer.out : layer.out;
    if (layer.kind === "matrix") {
      list.push({
        layer: i,
        side: "a",
        perColumn: false,
        panels: panelsOf(layer.in + Number(joint)).length,
        emit: (g, seen, weights) => inputGram(g, seen, weights, { averageGroups, joint, reduce }),
      });
    }
    if (layer.kind === "table")
      list.push({
        layer: i,
        side: "a",
        perColumn: false,
        panels: 1,
        emit: (g, seen, weights) => [tableCounts(g, seen, weights)],
      });
    if (!backward) return list;
    list.push({
      layer: i,
      side: "g",
      perColumn: true,
      panels: panelsOf(width).length,
      emit: (g, seen) => outputGram(g, seen, { averageGroups, reduce, biasOnly: false }),
    });
    if (layer.bias !== undefined && !joint) {
      list.push({
        layer: i,
        side: "bias g",
        perColumn: true,
        panels: panelsOf(layer.groups * layer.out).length,
        emit: (g, seen) => outputGram(g, seen, { averageGroups: true, reduce, biasOnly: true }),
      });
    }
    return list;
  });
}

function inputGram(
  g: GraphBuilder,
  { uses }: SeenLayer,
  rowWeights: Value,
  { reduce, ...options }: { readonly averageGroups: boolean; readonly joint: boolean; readonly reduce: boolean },
): Value[] {
  const a = joinUses(
    g,
    uses.map(({ use }) => inputSide(g, use, options)),
    1,
  );
  const seen = reduce ? g.mean(a, [1], true) : a;
  return gramByGroup(g, seen, rowWeights);
}

/** How often each row of a table is taken, `[vocabulary]`. */
function tableCounts(g: GraphBuilder, { layer, uses }: SeenLayer, rowWeights: Value): Value {
  const index = joinUses(
    g,
    uses.map(({ use }) => use.index!),
    1,
  );
  const weights = g.expand(g.unsqueeze(rowWeights, 1), index.shape);
  const count = sizeOf(index.shape);
  const zeros = g.fill(0, rowWeights.dtype, [layer.in]);
  return g.op("ScatterElements", [zeros, g.reshape(index, [count]), g.reshape(weights, [count])], {
    axis: 0,
    reduction: "add",
  });
}

function outputGram(
  g: GraphBuilder,
  { uses }: SeenLayer,
  {
    averageGroups,
    reduce,
    biasOnly,
  }: { readonly averageGroups: boolean; readonly reduce: boolean; readonly biasOnly: boolean },
): Value[] {
  const counted = biasOnly ? uses.filter(({ use }) => use.bias !== undefined) : uses;
  const v = joinUses(
    g,
    counted.map((seen) => outputSide(g, seen, { averageGroups })),
    2,
  );
  return gramByGroup(g, reduce ? g.sum(v, [2], true) : v);
}

interface Sums {
  readonly rows: number;
  readonly factor: number;
  /** A Gram matrix's panels; empty where the sum was not asked for. */
  find(layer: number, side: Side): Float64Array[];
}

/** Scales a block's sums and cuts out its group, into the memory of an old block if one is given. */
function finish(
  block: BlockShape,
  layer: Layer,
  { approximation }: FactorRequest,
  { rows, factor, find }: Sums,
  old: KroneckerBlock | undefined,
): KroneckerBlock {
  const isBias = block.kind === "vector" && layer.kind !== "vector";
  const g = find(block.layer, isBias ? "bias g" : "g");
  const group = block.group ?? 0;
  const gMatrix = g.length > 0 ? fromPanels(g, block.out, group, factor, old?.g) : identity(block.out);
  if (block.kind === "vector") return { ...block, g: gMatrix };
  const a = find(block.layer, "a");
  const positions = approximation === "reduce" && layer.kind === "matrix" ? 1 : sharedPositions(layer);
  const share = 1 / (rows * positions);
  if (block.kind === "table") return { ...block, g: gMatrix, a: a[0]!.map((x) => share * x) };
  const oldA = old?.a instanceof Float64Array ? undefined : old?.a;
  return { ...block, g: gMatrix, a: fromPanels(a, block.in, group, share, oldA) };
}

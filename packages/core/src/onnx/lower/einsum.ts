/**
 * Einsum of any number of operands, contracted from left to right, each pair as one matrix product.
 *
 * The letters of a pair a, b fall into four groups: batch (in both, needed later), contracted (in both, not needed later),
 * and those of a or b alone; as matrices they are [batch, left, inner] × [batch, inner, right].
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";

/** A tensor whose axes have names. */
interface Term {
  readonly value: Value;
  readonly axes: readonly string[];
}

interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/** Axes of an ellipsis are named "…0", "…1", from the right. */
function axesOf(text: string, ellipsis: number): string[] {
  const [before, after] = text.split("...");
  if (after === undefined) return [...text];
  return [...before!, ...Array.from({ length: ellipsis }, (_, i) => `…${ellipsis - 1 - i}`), ...after];
}

function parse(c: LoweringContext, ranks: readonly number[]): Equation {
  const [left = "", right] = c.string("equation", "").replaceAll(" ", "").split("->");
  const parts = left.split(",");
  if (parts.length !== ranks.length)
    throw c.refuse("its equation does not fit its inputs", { found: c.string("equation", "") });
  const widths = parts.map((part, i) => (part.includes("...") ? ranks[i]! - (part.length - 3) : 0));
  const operands = parts.map((part, i) => axesOf(part, widths[i]!));
  return { operands, output: right === undefined ? implicitOutput(operands) : axesOf(right, Math.max(...widths)) };
}

/** Without "->": the ellipsis, then the letters that appear once, in order. */
function implicitOutput(operands: readonly (readonly string[])[]): string[] {
  const all = operands.flat();
  const dots = [...new Set(all.filter((a) => a.startsWith("…")))].sort().reverse();
  return [
    ...dots,
    ...[...new Set(all)].filter((a) => !a.startsWith("…") && all.indexOf(a) === all.lastIndexOf(a)).sort(),
  ];
}

/** Axes of equal name become one: their diagonal, as every (n+1)-th element of the two merged. */
function diagonal(g: GraphBuilder, { value, axes }: Term): Term {
  const second = axes.findIndex((a, i) => axes.indexOf(a) < i);
  if (second < 0) return { value, axes };
  const first = axes.indexOf(axes[second]!);
  const rest = axes.flatMap((_, i) => (i === first || i === second ? [] : [i]));
  const n = value.shape[first]!;
  const merged = g.reshape(g.transpose(value, [...rest, first, second]), [...rest.map((i) => value.shape[i]!), n * n]);
  const steps = [...rest.map(() => 1), n + 1];
  const picked = g.slice(
    merged,
    merged.shape.map(() => 0),
    [...rest.map((i) => value.shape[i]!), n],
    steps,
  );
  return diagonal(g, { value: picked, axes: [...rest.map((i) => axes[i]!), axes[second]!] });
}

/** Sums over the axes that nobody needs. */
function reduceTo(g: GraphBuilder, { value, axes }: Term, needed: ReadonlySet<string>): Term {
  const gone = axes.flatMap((a, i) => (needed.has(a) ? [] : [i]));
  if (gone.length === 0) return { value, axes };
  return { value: g.sum(value, gone), axes: axes.filter((a) => needed.has(a)) };
}

/** The term with its axes in this order, each of the given length (1 is stretched). */
function arranged(g: GraphBuilder, { value, axes }: Term, order: readonly string[]): Value {
  return g.transpose(
    value,
    order.map((a) => axes.indexOf(a)),
  );
}

function contract(g: GraphBuilder, a: Term, b: Term, needed: ReadonlySet<string>): Term {
  const other = new Set([...a.axes.filter((x) => b.axes.includes(x)), ...needed]);
  const [left, right] = [reduceTo(g, a, other), reduceTo(g, b, other)];
  const shared = left.axes.filter((x) => right.axes.includes(x));
  const batch = shared.filter((x) => needed.has(x));
  const inner = shared.filter((x) => !needed.has(x));
  const onlyLeft = left.axes.filter((x) => !shared.includes(x));
  const onlyRight = right.axes.filter((x) => !shared.includes(x));
  const lengthOf = (x: string): number =>
    Math.max(...[left, right].flatMap(({ value, axes }) => (axes.includes(x) ? [value.shape[axes.indexOf(x)]!] : [])));
  const lengths = (names: readonly string[]): number[] => names.map(lengthOf);
  const spread = (term: Term, order: readonly string[]): Value => g.expand(arranged(g, term, order), lengths(order));
  const [m, k, n] = [onlyLeft, inner, onlyRight].map((names) => sizeOf(lengths(names))) as [number, number, number];
  const rows = g.reshape(spread(left, [...batch, ...onlyLeft, ...inner]), [...lengths(batch), m, k]);
  const columns = g.reshape(spread(right, [...batch, ...inner, ...onlyRight]), [...lengths(batch), k, n]);
  const axes = [...batch, ...onlyLeft, ...onlyRight];
  return { value: g.reshape(g.matmul(rows, columns), lengths(axes)), axes };
}

const einsum: Lowering = (c) => {
  const { g } = c;
  const inputs = c.inputs();
  const { operands, output } = parse(
    c,
    inputs.map((x) => x.shape.length),
  );
  const terms = operands.map((axes, i) => diagonal(g, { value: inputs[i]!, axes }));
  const neededAfter = (i: number): Set<string> => new Set([...output, ...terms.slice(i + 1).flatMap((t) => t.axes)]);
  const [first, ...others] = terms;
  const result = others.reduce((sum, term, i) => contract(g, sum, term, neededAfter(i + 1)), first!);
  return arranged(g, reduceTo(g, result, new Set(output)), output);
};

export const einsums: Readonly<Record<string, Lowering>> = { Einsum: einsum };

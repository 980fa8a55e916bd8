/**
 * If, Loop and Scan where what they decide on is constant: the branch taken is lowered in place, the body as often as it
 * runs.
 */
import { constantNumbers } from "../../ir/constant.ts";
import type { Value } from "../../ir/graph.ts";
import { normalizeAxis } from "../../ir/shape.ts";
import type { Subgraph } from "../model.ts";
import { type Bound, isSequence, type Lowering, type LoweringContext } from "./context.ts";

/** More rounds than this make graphs that no runtime compiles in reasonable time. */
const mostRounds = 4096;

const branch: Lowering = (c) => {
  const [condition] = c.numbers(0)!;
  return c.lowerSubgraph(bodyOf(c, condition ? "then_branch" : "else_branch"), []);
};

function bodyOf(c: LoweringContext, name: string): Subgraph {
  const body = c.subgraph(name);
  if (!body) throw c.refuse(`its ${name} is missing`);
  return body;
}

/**
 * Body: (round, condition, states…) → (condition, states…, scanned…). Scanned outputs are set one after the other along
 * a new first axis.
 */
const loop: Lowering = (c) => {
  const { g } = c;
  const body = bodyOf(c, "body");
  const most = c.input(0) ? c.numbers(0)![0]! : Number.POSITIVE_INFINITY;
  let going = c.input(1) ? c.numbers(1)![0] !== 0 : true;
  let states = c.node.inputs.slice(2).map((_, i) => c.bound(i + 2));
  const count = states.length;
  const scanned: Bound[][] = body.outputs.slice(count + 1).map(() => []);
  for (let round = 0; going && round < most; round++) {
    if (round >= mostRounds) throw tooLong(c, most);
    const [condition, ...results] = c.lowerSubgraph(body, [
      g.constant(round, "int64"),
      g.constant(1, "bool"),
      ...states,
    ]);
    states = results.slice(0, count);
    results.slice(count).forEach((value, i) => scanned[i]!.push(value));
    going = conditionOf(c, condition!);
  }
  return [...states, ...scanned.map((list, i) => stack(c, list, body.outputs[count + 1 + i]!.name))];
};

function conditionOf(c: LoweringContext, condition: Bound): boolean {
  const [holds] = isSequence(condition) ? [] : (constantNumbers(condition) ?? []);
  if (holds === undefined)
    throw c.refuse("whether it goes on depends on the data", { try: "export the model with a fixed number of rounds" });
  return holds !== 0;
}

function tooLong(c: LoweringContext, most: number): Error {
  return c.refuse("it runs too many rounds to be unrolled", {
    expected: `at most ${mostRounds}`,
    found: Number.isFinite(most) ? most : "no limit, and a condition that stays true",
  });
}

/** Values of equal shape as one, along a new first axis. */
function stack(c: LoweringContext, list: readonly Bound[], name: string, axis = 0): Value {
  if (list.length === 0) throw c.refuse("it runs no round, so that an output has no shape", { found: name });
  const tensors = list.map((bound) => {
    if (isSequence(bound)) throw c.refuse("it collects sequences", { found: name });
    return c.g.unsqueeze(bound, axis);
  });
  return c.g.concat(tensors, axis);
}

/** How a scanned input or output is walked. */
interface Walk {
  readonly axis: number;
  readonly backwards: boolean;
}

/** Body: (states…, elements…) → (states…, elements…). Each round takes the next element of every scanned input. */
const scan: Lowering = (c) => {
  if (c.opset < 9) return batchedScan(c);
  const inputs = c.node.inputs.map((_, i) => c.need(i));
  const count = inputs.length - c.int("num_scan_inputs", 1);
  return scanOnce(c, inputs.slice(0, count), inputs.slice(count));
};

/** Before opset 9 the first input counts steps, and a first axis holds examples, which are scanned one by one. */
function batchedScan(c: LoweringContext): readonly Value[] {
  const { g } = c;
  const inputs = c.node.inputs.slice(1).map((_, i) => c.need(i + 1));
  const count = inputs.length - c.int("num_scan_inputs", 1);
  if (c.input(0) && c.ints(0)!.some((n) => n !== inputs[count]!.shape[1]))
    throw c.refuse("its examples differ in length");
  const examples = Array.from({ length: inputs[0]!.shape[0]! }, (_, b) => {
    const one = inputs.map((x) => g.reshape(g.narrow(x, 0, b, 1), x.shape.slice(1)));
    return scanOnce(c, one.slice(0, count), one.slice(count));
  });
  return examples[0]!.map((_, i) =>
    stack(
      c,
      examples.map((results) => results[i]!),
      c.node.outputs[i] ?? "",
    ),
  );
}

function scanOnce(c: LoweringContext, start: readonly Bound[], scanned: readonly Value[]): Bound[] {
  const body = bodyOf(c, "body");
  const walks = scanned.map((x, i) => walkOf(c, "input", i, x.shape.length));
  const rounds = scanned[0]!.shape[walks[0]!.axis]!;
  if (rounds > mostRounds) throw tooLong(c, rounds);
  const count = start.length;
  let states = start;
  const made: Bound[][] = body.outputs.slice(count).map(() => []);
  for (let round = 0; round < rounds; round++) {
    const elements = scanned.map((x, i) => elementAt(c, x, walks[i]!, round));
    const results = c.lowerSubgraph(body, [...states, ...elements]);
    states = results.slice(0, count);
    results.slice(count).forEach((value, i) => {
      made[i]!.push(value);
    });
  }
  return [...states, ...made.map((list, i) => collected(c, list, i, body.outputs[count + i]!.name))];
}

function elementAt({ g }: LoweringContext, x: Value, { axis, backwards }: Walk, round: number): Value {
  const at = backwards ? x.shape[axis]! - 1 - round : round;
  return g.reshape(
    g.narrow(x, axis, at, 1),
    x.shape.filter((_, a) => a !== axis),
  );
}

function collected(c: LoweringContext, list: readonly Bound[], i: number, name: string): Value {
  const [first] = list;
  const { axis, backwards } = walkOf(c, "output", i, first && !isSequence(first) ? first.shape.length + 1 : 1);
  return stack(c, backwards ? [...list].reverse() : list, name, axis);
}

function walkOf(c: LoweringContext, kind: "input" | "output", i: number, rank: number): Walk {
  const directions = c.intList(`scan_${kind}_directions`) ?? (kind === "input" ? c.intList("directions") : undefined);
  return {
    axis: normalizeAxis(c.intList(`scan_${kind}_axes`)?.[i] ?? 0, rank),
    backwards: (directions?.[i] ?? 0) !== 0,
  };
}

export const control: Readonly<Record<string, Lowering>> = { If: branch, Loop: loop, Scan: scan };

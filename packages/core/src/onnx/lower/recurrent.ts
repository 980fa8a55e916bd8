/**
 * RNN, GRU and LSTM by unrolling: one step a time step, directions one after the other.
 *
 * The input's part of all gates of all steps is one product before the recursion; letters: T steps, B examples, I inputs,
 * H hidden, G gates (1, 3, 4). Weights are `[D, G·H, I]`, `[D, G·H, H]`, biases `[D, 2·G·H]` (of the input, of the state).
 */
import type { Value } from "../../ir/graph.ts";
import { type Activation, activationOf } from "./activations.ts";
import type { Lowering, LoweringContext } from "./context.ts";
import { reverseWithin } from "./indexing.ts";

/** More steps than this make graphs that no runtime compiles in reasonable time. */
const longest = 4096;

/** What a direction's recursion starts from and uses in each step. */
interface Direction {
  readonly activations: readonly Activation[];
  /** R [G·H, H], transposed. */
  readonly recurrent: Value;
  /** Bias of the state's part, `[G·H]`. */
  readonly bias: Value | undefined;
  /** Peephole weights, `[3·H]`. */
  readonly peephole: Value | undefined;
  readonly hidden: number;
  readonly c: LoweringContext;
  clip(x: Value): Value;
}

/** The states after a step from the input's part of the gates `[B, G·H]`: the hidden one first. */
type Step = (d: Direction, gates: Value, state: readonly Value[]) => Value[];

interface Cell {
  readonly gates: number;
  /** Default activations. */
  readonly activations: readonly string[];
  /** Positions of the initial states among the node's inputs. */
  readonly initial: readonly number[];
  readonly peephole?: number;
  readonly step: Step;
}

/** Gate `i` of `[…, G·H]`. */
const gate = ({ c, hidden }: Direction, x: Value, i: number): Value =>
  c.g.narrow(x, x.shape.length - 1, i * hidden, hidden);

/** h R' + b */
function recur({ c, recurrent, bias }: Direction, h: Value): Value {
  const product = c.g.matmul(h, recurrent);
  return bias ? c.g.add(product, bias) : product;
}

/** h = f(x W' + h R' + b) */
const rnnStep: Step = (d, gates, [h]) => [d.activations[0]!(d.c, d.clip(d.c.g.add(gates, recur(d, h!))))];

/** Gates z, r, n: h = (1 − z) n + z h. `linear_before_reset` resets the product instead of the state. */
const gruStep: Step = (d, gates, [h]) => {
  const { g } = d.c;
  const [f, candidate] = d.activations;
  const state = recur(d, h!);
  const [z, r] = [0, 1].map((i) => f!(d.c, d.clip(g.add(gate(d, gates, i), gate(d, state, i))))) as [Value, Value];
  const n = candidate!(d.c, d.clip(g.add(gate(d, gates, 2), resetPart(d, h!, state, r))));
  return [g.add(g.mul(g.sub(1, z), n), g.mul(z, h!))];
};

/** The state's part of the candidate: r (h R' + b), or (r h) R' + b. */
function resetPart(d: Direction, h: Value, state: Value, r: Value): Value {
  const { g } = d.c;
  if (d.c.int("linear_before_reset", 0) !== 0) return g.mul(r, gate(d, state, 2));
  const product = g.matmul(g.mul(r, h), gate(d, d.recurrent, 2));
  return d.bias ? g.add(product, gate(d, d.bias, 2)) : product;
}

/** Gates i, o, f, c: cell = f cell + i c, h = o h(cell). Peepholes look at the cell, the output's at the new one. */
const lstmStep: Step = (d, gates, [h, cell]) => {
  const { g } = d.c;
  const [sigmoid, squash, output] = d.activations;
  const sum = g.add(gates, recur(d, h!));
  const peep = (x: Value, at: Value, i: number): Value =>
    d.peephole ? g.add(x, g.mul(gate(d, d.peephole, i), at)) : x;
  const i = sigmoid!(d.c, d.clip(peep(gate(d, sum, 0), cell!, 0)));
  const f = d.c.int("input_forget", 0) !== 0 ? g.sub(1, i) : sigmoid!(d.c, d.clip(peep(gate(d, sum, 2), cell!, 2)));
  const candidate = squash!(d.c, d.clip(gate(d, sum, 3)));
  const next = g.add(g.mul(f, cell!), g.mul(i, candidate));
  const o = sigmoid!(d.c, d.clip(peep(gate(d, sum, 1), next, 1)));
  return [g.mul(o, output!(d.c, next)), next];
};

/** What one direction made: its hidden state after every step, in time order, and its last states. */
interface Pass {
  readonly steps: readonly Value[];
  readonly last: readonly Value[];
}

const recurrent =
  (cell: Cell): Lowering =>
  (c) => {
    const { g } = c;
    const batchFirst = c.int("layout", 0) !== 0;
    const given = c.need(0);
    const x = batchFirst ? g.transpose(given, [1, 0, 2]) : given;
    if (x.shape[0]! > longest)
      throw c.refuse("it has too many time steps to be unrolled", {
        expected: `at most ${longest}`,
        found: x.shape[0]!,
      });
    const direction = c.string("direction", "forward");
    const reversed = direction === "bidirectional" ? [false, true] : [direction === "reverse"];
    const passes = reversed.map((backwards, d) => runDirection(c, cell, x, d, backwards));
    const y = stack(c, passes);
    const states = cell.initial.map((_, s) =>
      g.concat(
        passes.map(({ last }) => g.unsqueeze(last[s]!, 0)),
        0,
      ),
    );
    if (!batchFirst) return [y, ...states];
    return [g.transpose(y, [2, 0, 1, 3]), ...states.map((state) => g.transpose(state, [1, 0, 2]))];
  };

/** `[T, D, B, H]` */
function stack({ g }: LoweringContext, passes: readonly Pass[]): Value {
  const steps = passes[0]!.steps.map((_, t) => {
    const row = passes.map(({ steps }) => g.reshape(steps[t]!, [1, 1, ...steps[t]!.shape]));
    return g.concat(row, 1);
  });
  return g.concat(steps, 0);
}

function runDirection(c: LoweringContext, cell: Cell, x: Value, d: number, backwards: boolean): Pass {
  const { g } = c;
  const [steps, examples] = x.shape as [number, number];
  const lengths = c.input(4) && c.numbers(4)!.some((n) => n < steps) ? c.need(4) : undefined;
  const ordered = backwards ? reversedInTime(c, x, lengths) : x;
  const w = sliceDirection(c, c.need(1), d);
  const setup = directionOf(c, cell, d);
  const biases = c.input(3) && sliceDirection(c, c.input(3)!, d);
  const product = g.matmul(ordered, g.transpose(w));
  const gates = biases ? g.add(product, g.narrow(biases, 0, 0, cell.gates * setup.hidden)) : product;
  let state = cell.initial.map((at) => initialState(c, at, d, [examples, setup.hidden], x));
  const hidden: Value[] = [];
  for (let t = 0; t < steps; t++) {
    const next = cell.step(setup, g.reshape(g.narrow(gates, 0, t, 1), [examples, gates.shape[2]!]), state);
    const active = lengths && g.unsqueeze(g.greater(g.cast(lengths, "int64"), t), 1);
    state = active ? next.map((value, s) => g.where(active, value, state[s]!)) : next;
    hidden.push(active ? g.where(active, next[0]!, 0) : next[0]!);
  }
  return { steps: backwards ? backInTime(c, hidden, lengths) : hidden, last: state };
}

function reversedInTime(c: LoweringContext, x: Value, lengths: Value | undefined): Value {
  if (lengths) return reverseWithin(c, x, lengths, { time: 0, batch: 1 });
  const [steps] = x.shape as [number];
  return c.g.slice(x, [steps - 1, 0, 0], x.shape, [-1, 1, 1]);
}

/** The hidden states of a reversed pass in the order of time. */
function backInTime(c: LoweringContext, hidden: readonly Value[], lengths: Value | undefined): Value[] {
  if (!lengths) return [...hidden].reverse();
  const { g } = c;
  const all = reverseWithin(
    c,
    g.concat(
      hidden.map((h) => g.unsqueeze(h, 0)),
      0,
    ),
    lengths,
    { time: 0, batch: 1 },
  );
  return hidden.map((h, t) => g.reshape(g.narrow(all, 0, t, 1), h.shape));
}

/** `[D, …]` at direction d. */
function sliceDirection({ g }: LoweringContext, x: Value, d: number): Value {
  return g.reshape(g.narrow(x, 0, d, 1), x.shape.slice(1));
}

/** Initial states are `[D, B, H]`, batch first `[B, D, H]`; zeros where absent. */
function initialState(c: LoweringContext, at: number, d: number, shape: readonly number[], x: Value): Value {
  const { g } = c;
  const given = c.input(at);
  if (!given) return g.fill(0, x.dtype, shape);
  return g.reshape(g.narrow(given, c.int("layout", 0) !== 0 ? 1 : 0, d, 1), shape);
}

function directionOf(c: LoweringContext, { gates, activations, peephole }: Cell, d: number): Direction {
  const { g } = c;
  const r = sliceDirection(c, c.need(2), d);
  const hidden = r.shape[1]!;
  const biases = c.input(3) && sliceDirection(c, c.input(3)!, d);
  const limit = c.float("clip", 0);
  return {
    c,
    hidden,
    activations: activations.map((name, i) => activationOf(c, d * activations.length + i, name)),
    recurrent: g.transpose(r),
    bias: biases && g.narrow(biases, 0, gates * hidden, gates * hidden),
    peephole: peephole !== undefined && c.input(peephole) ? sliceDirection(c, c.input(peephole)!, d) : undefined,
    clip: (x) => (limit > 0 ? g.binary("Min", g.binary("Max", x, -limit), limit) : x),
  };
}

export const recurrence: Readonly<Record<string, Lowering>> = {
  GRU: recurrent({ gates: 3, activations: ["Sigmoid", "Tanh"], initial: [5], step: gruStep }),
  LSTM: recurrent({ gates: 4, activations: ["Sigmoid", "Tanh", "Tanh"], initial: [5, 6], peephole: 7, step: lstmStep }),
  RNN: recurrent({ gates: 1, activations: ["Tanh"], initial: [5], step: rnnStep }),
};

/** Makes one parameter of equal ones, or several of one that is used several times. */
import { UsageError } from "../../errors.ts";
import type { Initializer, OnnxModel, OnnxNode } from "../model.ts";
import { globPattern } from "../select.ts";
import { type Copy, equalParameters } from "./copies.ts";
import { scopeOf } from "./layerNames.ts";
import { storedName } from "./storage.ts";

export interface TieOptions {
  /** Names or globs of copies that are to be the parameter that they equal: see `equalParameters`. */
  readonly tie?: readonly string[];
  /** Names or globs of parameters of which every use is to be a parameter of its own. */
  readonly untie?: readonly string[];
}

/**
 * @throws {UsageError} if a name or glob matches no copy, or nothing that is used twice.
 *
 * @example
 * ```ts no-run
 * const tied = withTies(await readModel("gpt2.onnx"), { tie: ["lm_head.*"] });
 * ```
 */
export function withTies(model: OnnxModel, { tie = [], untie = [] }: TieOptions): OnnxModel {
  const tied = tie.length === 0 ? model : tieCopies(model, tie);
  return untie.length === 0 ? tied : separateUses(tied, untie);
}

/** The copy becomes a node that moves or transposes the original. */
function tieCopies(model: OnnxModel, patterns: readonly string[]): OnnxModel {
  const copies = equalParameters(model);
  const chosen = new Set(
    matching(
      patterns,
      copies.map(({ name }) => name),
      "tie parameters as a name or glob matches no copy",
    ),
  );
  const gone = copies.filter(({ name }) => chosen.has(name));
  const nodes = gone.map(
    ({ name, of, transposed }): OnnxNode => ({
      name: `tie ${name}`,
      opType: transposed ? "Transpose" : "Identity",
      domain: "",
      inputs: [of],
      outputs: [name],
      attrs: transposed ? { perm: { kind: "ints", value: [1, 0] } } : {},
    }),
  );
  const initializers = new Map(
    [...model.initializers].flatMap(([name, initializer]) =>
      chosen.has(name) ? [] : [[name, withCopies(initializer, gone, model)] as const],
    ),
  );
  return { ...model, initializers, nodes: [...nodes, ...model.nodes] };
}

/** The original knows where its copies are stored, so that they can be written with it. */
function withCopies(initializer: Initializer, gone: readonly Copy[], model: OnnxModel): Initializer {
  const copies = gone.flatMap(({ name, of, transposed }) => {
    if (of !== initializer.name) return [];
    const copy = model.initializers.get(name)!;
    const stored = storedName(copy);
    return stored === storedName(initializer) ? [] : [{ name: stored, transposed }];
  });
  return copies.length === 0
    ? initializer
    : { ...initializer, storage: { name: storedName(initializer), ...initializer.storage, copies } };
}

function separateUses(model: OnnxModel, patterns: readonly string[]): OnnxModel {
  const uses = new Map<string, number>();
  for (const name of model.nodes.flatMap(({ inputs }) => inputs)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const shared = [...model.initializers.keys()].filter((name) => (uses.get(name) ?? 0) > 1);
  const chosen = new Set(
    matching(patterns, shared, "untie parameters as a name or glob matches none that is used twice"),
  );
  const initializers = new Map(model.initializers);
  const met = new Set<string>();
  const ownUse = (name: string, node: OnnxNode): string => {
    if (!chosen.has(name)) return name;
    if (!met.has(name)) {
      met.add(name); // the first use keeps the name
      return name;
    }
    const own = ownName(name, node, initializers);
    const original = model.initializers.get(name) as Initializer;
    initializers.set(own, {
      ...original,
      name: own,
      storage: { ...original.storage, name: original.storage?.name ?? name, shared: true },
    });
    return own;
  };
  const nodes = model.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => ownUse(name, node)) }));
  return { ...model, nodes, initializers };
}

function ownName(name: string, node: OnnxNode, taken: ReadonlyMap<string, unknown>): string {
  const base = `${name} in ${scopeOf(node) || node.name}`;
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? base : `${base} ${i}`;
    if (!taken.has(candidate)) return candidate;
  }
}

function matching(patterns: readonly string[], names: readonly string[], problem: string): string[] {
  return patterns.flatMap((glob) => {
    const found = names.filter((name) => globPattern(glob).test(name));
    if (found.length > 0) return found;
    throw new UsageError(`Cannot ${problem}`, {
      found: glob,
      expected: names.slice(0, 8).join(", ") || "nothing: there is none",
    });
  });
}

/** Nodes of a file once parameters that were stored together have come apart. */
import { UnsupportedModelError } from "../errors.ts";
import { fieldsOf, lengthDelimited, textOf, type WireField } from "./fieldRanges.ts";
import type { Split } from "./identity/storedValues.ts";
import type { OnnxNode } from "./model.ts";

/** Field numbers of NodeProto. */
const fields = { input: 1, output: 2, opType: 4, domain: 7 } as const;

/**
 * An alias that an Identity made loses that node, as its name is now an initializer's; a use that was told apart takes its
 * input by the new name.
 *
 * @param nodes The graph's node fields.
 * @returns What stands in the place of the nodes that change, by where they begin.
 * @throws {UnsupportedModelError} if a use lies inside a function or another graph, where one name serves them all.
 */
export function splitNodes(
  file: Uint8Array,
  nodes: readonly WireField[],
  splits: readonly Split[],
): Map<number, readonly Uint8Array[]> {
  const changed = new Map<number, readonly Uint8Array[]>();
  if (splits.length === 0) return changed;
  const byOutput = new Map(nodes.map((field) => [textIn(file, field, "output"), field]));
  const renames = new Map<WireField, Map<number, string>>();
  for (const split of splits) {
    const alias = byOutput.get(split.name);
    if (alias && textIn(file, alias, "opType") === "Identity") {
      changed.set(alias.at, []);
      continue;
    }
    if (split.uses.length === 0) throw outOfReach(split);
    for (const { node, position } of split.uses) {
      const user = byOutput.get(node.outputs[0] ?? "");
      if (!user || !isNode(file, user, node) || inputAt(file, user, position) !== split.of) throw outOfReach(split);
      renames.set(user, (renames.get(user) ?? new Map<number, string>()).set(position, split.name));
    }
  }
  for (const [field, names] of renames) changed.set(field.at, [withInputs(file, field, names)]);
  return changed;
}

/** Not the call of a function whose body holds the node. */
function isNode(file: Uint8Array, field: WireField, { opType, domain }: OnnxNode): boolean {
  const own = textIn(file, field, "domain");
  return textIn(file, field, "opType") === opType && (own === "ai.onnx" ? "" : own) === domain;
}

function inputAt(file: Uint8Array, field: WireField, position: number): string {
  const inputs = [...fieldsOf(file, field)].filter(({ number }) => number === fields.input);
  return textOf(file, inputs[position]);
}

function textIn(file: Uint8Array, message: WireField, name: keyof typeof fields): string {
  return textOf(
    file,
    [...fieldsOf(file, message)].find(({ number }) => number === fields[name]),
  );
}

/** The node with other names for some of its inputs. */
function withInputs(file: Uint8Array, message: WireField, names: ReadonlyMap<number, string>): Uint8Array {
  let position = 0;
  const parts = [...fieldsOf(file, message)].map(({ number, at, end }) => {
    const name = number === fields.input ? names.get(position++) : undefined;
    return name === undefined ? file.subarray(at, end) : lengthDelimited(fields.input, new TextEncoder().encode(name));
  });
  return lengthDelimited(1, parts);
}

function outOfReach({ name, of }: Split): UnsupportedModelError {
  return new UnsupportedModelError("Cannot store a parameter apart as its use lies inside a function or a subgraph", {
    at: `parameter "${name}", stored as "${of}"`,
    try: "give both the same values, or inline the model's functions first",
  });
}

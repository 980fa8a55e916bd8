/** What a Loop or Scan carries from round to round. */
import type { OnnxNode, Subgraph } from "./model.ts";

export interface State {
  /** Its name inside the body. */
  readonly name: string;
  /** Every round passes it on as it was: a weight that the exporter handed in, not something that evolves. */
  readonly kept: boolean;
}

/** Where a node's states begin among its inputs, the body's inputs and the body's outputs. */
const firstState: Readonly<Record<string, readonly [number, number, number]>> = {
  Loop: [2, 2, 1], // count and condition; round and condition; condition
  Scan: [0, 0, 0],
};

/** The state that starts as an input of this node; undefined where the input starts none. */
export function stateOf({ opType, inputs, attrs }: OnnxNode, position: number): State | undefined {
  const [input, inner, output] = firstState[opType] ?? [];
  const body = attrs.body?.kind === "graph" ? attrs.body.value : undefined;
  if (input === undefined || inner === undefined || output === undefined || !body) return undefined;
  const scanned = attrs.num_scan_inputs?.kind === "int" ? attrs.num_scan_inputs.value : 0;
  const k = position - input;
  const name = body.inputs[inner + k]?.name;
  if (k < 0 || position >= inputs.length - scanned || name === undefined) return undefined;
  return { name, kept: copied(body, body.outputs[output + k]?.name) === name };
}

/** The name that a value of the body was given first. */
function copied({ nodes }: Subgraph, name: string | undefined): string | undefined {
  const producer = nodes.find((node) => node.outputs[0] === name);
  return producer?.opType === "Identity" ? copied({ nodes } as Subgraph, producer.inputs[0]) : name;
}

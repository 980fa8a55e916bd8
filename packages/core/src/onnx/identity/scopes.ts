/**
 * Names of the modules that nodes come from, as PyTorch's dynamo exporter writes them into each node's metadata, which
 * onnx-proto does not know.
 */
import { messageFields } from "../wire.ts";

/** Field numbers: ModelProto.graph, GraphProto.node, NodeProto.metadata_props, StringStringEntryProto.key and .value. */
const [graphField, nodeField, metadataField, keyField, valueField] = [7, 1, 9, 1, 2];

const scopesKey = "pkg.torch.onnx.name_scopes";

/** One entry a node of the model's graph: `layers.0.fc`, or undefined. */
export function nodeScopes(model: Uint8Array): (string | undefined)[] {
  const graph = [...messageFields(model)].find(({ number }) => number === graphField);
  if (!graph) return [];
  return [...messageFields(graph.bytes)]
    .filter(({ number }) => number === nodeField)
    .map(({ bytes }) => scopeIn(bytes));
}

function scopeIn(node: Uint8Array): string | undefined {
  for (const { number, bytes } of messageFields(node)) {
    if (number !== metadataField) continue;
    const fields = new Map([...messageFields(bytes)].map((field) => [field.number, field.bytes]));
    if (text(fields.get(keyField)) === scopesKey) return innermost(text(fields.get(valueField)));
  }
  return undefined;
}

/** `['', 'model', 'model.fc', 'linear']`: the modules from the outside in, then the operation. */
function innermost(list: string): string | undefined {
  return [...list.matchAll(/'([^']*)'/g)].at(-2)?.[1];
}

function text(bytes: Uint8Array | undefined): string {
  return bytes ? new TextDecoder().decode(bytes) : "";
}

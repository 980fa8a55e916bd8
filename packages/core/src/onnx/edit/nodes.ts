/** Nodes as messages: new ones, and changes of those that the file has. */
import type { onnx } from "onnx-proto";
import { messages } from "../proto.ts";
import type { NewAttr, NewNode, NodeEdit } from "./edit.ts";

export function nodeBytes({ name, opType, domain = "", inputs, outputs, attrs = {} }: NewNode): Uint8Array {
  return messages.NodeProto.encode({
    name,
    opType,
    domain,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attrs).map(([key, attr]) => attributeOf(key, attr)),
  }).finish();
}

export function editedNode(node: onnx.INodeProto, { inputs, outputs, attrs = {} }: NodeEdit): onnx.INodeProto {
  const kept = (node.attribute ?? []).filter(({ name }) => !(name! in attrs));
  const set = Object.entries(attrs).flatMap(([name, attr]) => (attr ? [attributeOf(name, attr)] : []));
  return {
    ...node,
    input: inputs ? [...inputs] : (node.input ?? []),
    output: outputs ? [...outputs] : (node.output ?? []),
    attribute: [...kept, ...set],
  };
}

function attributeOf(name: string, attr: NewAttr): onnx.IAttributeProto {
  const { AttributeType } = messages.AttributeProto;
  switch (attr.kind) {
    case "int":
      return { name, type: AttributeType.INT, i: attr.value };
    case "ints":
      return { name, type: AttributeType.INTS, ints: [...attr.value] };
    case "float":
      return { name, type: AttributeType.FLOAT, f: attr.value };
    case "floats":
      return { name, type: AttributeType.FLOATS, floats: [...attr.value] };
    case "string":
      return { name, type: AttributeType.STRING, s: new TextEncoder().encode(attr.value) };
  }
}

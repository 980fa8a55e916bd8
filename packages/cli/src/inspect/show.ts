/** An inspected model as text. */
import { bytes, count, shape } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { InspectResult } from "./result.ts";

export function showInspection(result: InspectResult, paint: Paint): string {
  const { file, producer, irVersion, opsets } = result;
  const opset = Object.entries(opsets).map(([domain, version]) => `${domain} ${version}`);
  const head = facts(
    [
      ["model", `${paint.bold(file.path)} (${bytes(file.bytes)})`],
      ["producer", producer || "unknown"],
      ["opset", `${opset.join(", ")}; IR ${irVersion}`],
      [
        "parameters",
        `${count(result.parameterCount)} in ${result.initializers.filter((i) => i.chosen).length} tensors`,
      ],
      ["derivatives", verdict(result, paint)],
    ],
    paint,
  );
  const sections = [
    section("inputs", ports(result.inputs, "", paint), paint),
    section("outputs", ports(result.outputs, result.prediction, paint), paint),
    section("float initializers", initializers(result, paint), paint),
    ...(result.copies.length > 0
      ? [section("equal parameters (--tie makes them one)", copies(result, paint), paint)]
      : []),
    section("operators", operators(result, paint), paint),
    ...(result.problem ? [section("problem", indented(result.problem), paint)] : []),
    ...(result.graph ? [section("graph", indented(result.graph), paint)] : []),
  ];
  return [head, ...sections].join("\n\n");
}

function verdict({ differentiable, boundAt }: InspectResult, paint: Paint): string {
  const at = Object.entries(boundAt).map(([name, lengths]) => `${name} ${shape(lengths)}`);
  return `${differentiable ? paint.green("first and second") : paint.red("none")}, bound at ${at.join(", ")}`;
}

function section(title: string, body: string, paint: Paint): string {
  return `${paint.bold(title)}\n${body}`;
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

function ports(list: InspectResult["inputs"], prediction: string, paint: Paint): string {
  const rows = list.map(({ name, dtype, shape: lengths }) => [
    name,
    dtype,
    shape(lengths),
    name === prediction ? "the prediction" : "",
  ]);
  return table([{ title: "name" }, { title: "type" }, { title: "shape" }, { title: "" }], rows, paint);
}

function initializers(result: InspectResult, paint: Paint): string {
  const rows = result.initializers.map((i) => [
    i.chosen ? paint.green("yes") : "no",
    i.name,
    shape(i.shape),
    count(i.count),
    i.reason,
  ]);
  const columns = [
    { title: "chosen" },
    { title: "name" },
    { title: "shape" },
    { title: "entries", align: "right" as const },
    { title: "why" },
  ];
  return rows.length > 0 ? table(columns, rows, paint) : "  none";
}

function copies({ copies: list }: InspectResult, paint: Paint): string {
  const rows = list.map(({ name, of, transposed }) => [name, of, transposed ? "transposed" : "the same"]);
  return table([{ title: "name" }, { title: "equals" }, { title: "" }], rows, paint);
}

function operators(result: InspectResult, paint: Paint): string {
  const rows = result.operators.map((o) => [o.operator, count(o.nodes), standing(o, result, paint)]);
  return table([{ title: "operator" }, { title: "nodes", align: "right" }, { title: "derivatives" }], rows, paint);
}

function standing(o: InspectResult["operators"][number], { unsupported }: InspectResult, paint: Paint): string {
  const where = unsupported.filter(({ operator }) => operator === o.operator).map(({ node }) => node);
  const parts = [
    part(
      o.unsupported,
      o.nodes,
      paint.red(`not supported: ${where.slice(0, 3).join(", ")}${where.length > 3 ? ", …" : ""}`),
    ),
    part(o.differentiated, o.nodes, "differentiated"),
    part(o.constant, o.nodes, "not asked for: no parameter reaches it"),
    part(o.unneeded, o.nodes, "not asked for: the prediction does not need it"),
  ];
  return parts.filter((text) => text !== "").join("; ");
}

function part(some: number, all: number, text: string): string {
  if (some === 0) return "";
  return some === all ? text : `${some} ${text}`;
}

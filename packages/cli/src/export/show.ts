/** What was written, as text. */
import { bytes, count, shape } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { ExportResult } from "./result.ts";

export function showExport(
  { file, operator, loss, reduction, size, inputs, output, parameters }: ExportResult,
  paint: Paint,
): string {
  const head = facts(
    [
      ["file", `${paint.bold(file.path)} (${bytes(file.bytes)})`],
      ["product", `${operator} of the ${reduction} of ${loss}, ${count(size)} parameters`],
      ...inputs.map((input) => ["input", `${input.name} ${input.dtype} ${shape(input.shape)}`] as const),
      ["output", `${output.name} float32 ${shape(output.shape)}`],
    ],
    paint,
  );
  const rows = parameters.map((p) => [p.name, shape(p.shape), count(p.offset), count(p.size)]);
  const right = { align: "right" as const };
  const columns = [
    { title: "parameter" },
    { title: "shape" },
    { title: "offset in v", ...right },
    { title: "entries", ...right },
  ];
  return [head, table(columns, rows, paint)].join("\n\n");
}

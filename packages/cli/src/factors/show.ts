/** Factors as a table, a block a row. */
import { subjectLines } from "../operator/subject.ts";
import { bytes, count, digits } from "../terminal/quantity.ts";
import { facts, table } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";
import type { BlockSummary } from "./result.ts";
import type { FactorsResult } from "./run.ts";

export function showFactors(result: FactorsResult, paint: Paint): string {
  const { blocks, file, bytes: size, rows, chosen } = result;
  const lines = [
    ...subjectLines(result, paint),
    ["factors", `${count(blocks.length)} blocks, of ${count(rows)} rows`] as const,
    ...(chosen ? [["labels", chosen] as const] : []),
    ...(file ? [["written", `${file}, ${bytes(size ?? 0)}`] as const] : []),
  ];
  const right = { align: "right" as const };
  const columns = [
    { title: "block" },
    { title: "G", ...right },
    { title: "A", ...right },
    { title: "trace", ...right },
    { title: "eigenvalues of G", ...right },
    { title: "of A", ...right },
  ];
  const cells = blocks.map((block) => [
    block.name,
    String(block.out),
    block.kind === "vector" ? "–" : `${block.in}${block.kind === "table" ? " (diagonal)" : ""}`,
    digits(block.trace),
    range(block.g),
    range(block.a),
  ]);
  return `${facts(lines, paint)}\n\n${table(columns, cells, paint)}`;
}

function range(ends: BlockSummary["g"]): string {
  return ends ? `${digits(ends.smallest, 2)} … ${digits(ends.largest, 3)}` : "–";
}

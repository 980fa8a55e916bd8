/** Tables for the terminal: a dim head, two spaces between columns, no lines. */
import CliTable from "cli-table3";
import type { Paint } from "./terminal.ts";

export interface Column {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly align?: "left" | "right";
}

const borderless = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** A table with a line of titles. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string {
  const made = new CliTable({
    chars: borderless,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    colAligns: columns.map(({ align = "left" }) => align),
    head: columns.map(({ title }) => paint.dim(title)),
  });
  made.push(...rows.map((row) => [...row]));
  return trimmed(made.toString());
}

/** Labels and values, without titles. */
export function facts(rows: readonly (readonly [label: string, value: string])[], paint: Paint): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${paint.dim(label.padEnd(width))}  ${value}`).join("\n");
}

function trimmed(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`.trimEnd())
    .join("\n");
}

/** A report: one HTML file that needs nothing else, light or dark as the reader's system is. */
import { readFileSync } from "node:fs";
import { type Html, html, raw } from "./html.ts";

export interface Page {
  readonly title: string;
  readonly subtitle: string;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  /** One or two sentences: what is seen, in what units. */
  readonly explanation?: string;
  readonly body: Html;
}

export function page({ title, subtitle, sections }: Page): string {
  const style = readFileSync(new URL("./style.css", import.meta.url), "utf8");
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${raw(style)}</style>
</head>
<body>
<header><h1>${title}</h1><p>${subtitle}</p></header>
<main>${sections.map(sectionHtml)}</main>
<footer>Made by Hessonite. This file needs no network.</footer>
</body>
</html>
`.html;
}

function sectionHtml({ title, explanation, body }: Section): Html {
  const note = explanation ? html`<p class="note">${explanation}</p>` : html``;
  return html`<section><h2>${title}</h2>${note}${body}</section>`;
}

/** Large figures side by side. */
export function figures(list: readonly (readonly [label: string, value: string, note?: string])[]): Html {
  const one = ([label, value, note = ""]: (typeof list)[number]): Html =>
    html`<div><dt>${label}</dt><dd>${value}<small>${note}</small></dd></div>`;
  return html`<dl class="figures">${list.map(one)}</dl>`;
}

/** A table; columns named in `numeric` stand to the right. */
export function dataTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: readonly string[] = [],
): Html {
  const side = (i: number): Html => (numeric.includes(columns[i] ?? "") ? raw(' class="number"') : raw(""));
  const head = columns.map((name, i) => html`<th${side(i)}>${name}</th>`);
  const body = rows.map((row) => html`<tr>${row.map((cell, i) => html`<td${side(i)}>${cell}</td>`)}</tr>`);
  return html`<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

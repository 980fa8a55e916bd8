/** HTML as tagged templates: what is put in is escaped unless it is HTML already. */

export interface Html {
  readonly html: string;
}

type Part = string | number | Html | readonly Part[];

/** `html\`<b>${name}</b>\`` */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const filled = strings.map((text, i) => text + (i < parts.length ? textOf(parts[i] ?? "") : ""));
  return { html: filled.join("") };
}

/** Text that is HTML already. */
export function raw(text: string): Html {
  return { html: text };
}

function textOf(part: Part): string {
  if (typeof part === "string") return escaped(part);
  if (typeof part === "number") return String(part);
  return "html" in part ? part.html : part.map(textOf).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => entities[c] ?? c);
}

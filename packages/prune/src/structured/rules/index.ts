/** How every operator relates the channels of its inputs and outputs: one row an operator, one family a file. */
import type { OnnxNode } from "@hessonite/core";
import type { Rule } from "../groups/ruleContext.ts";
import { elementwise } from "./elementwise.ts";
import { layout } from "./layout.ts";
import { products } from "./products.ts";
import { reductions } from "./reductions.ts";

const rules: Readonly<Record<string, Rule>> = { ...elementwise, ...layout, ...products, ...reductions };

/** What an operator without a row does with its channels is not known: they stay. */
export const unknownRule: Rule = (c) => {
  for (let i = 0; i < c.arity; i++) if (c.has(i)) c.lockInput(i, `enters ${c.node.opType} "${c.node.name}"`);
  return [];
};

export function ruleOf({ domain, opType }: OnnxNode): Rule {
  return rules[domain === "" ? opType : `${domain}:${opType}`] ?? unknownRule;
}

/** The tangent rule of every operator. The compiler proves the table total. */
import type { OpType } from "../../ir/ops.ts";
import type { TangentRule } from "../rule.ts";
import { elementwiseRules } from "./elementwise.ts";
import { structuralRules } from "./structural.ts";

export const tangentRules: { readonly [Op in OpType]: TangentRule<Op> } = { ...elementwiseRules, ...structuralRules };

/**
 * An operator's specification as one word: `kfac`, or with its options `kfac,fisher=mc,samples=4`.
 *
 * A configuration file may write it as a mapping instead: `{ kind: kfac, fisher: mc, samples: 4 }`.
 */
import { type OperatorSpec, operatorKinds, operatorSpec } from "@hessonite/core";
import { z } from "zod";

const written = z.union([z.string(), z.looseObject({ kind: z.string() })]);

type Written = z.output<typeof written>;

function specOf(given: Written): OperatorSpec {
  if (typeof given !== "string") return given;
  const [kind = "", ...options] = given.split(",").map((part) => part.trim());
  const pairs = options.map((option): [string, unknown] => {
    const [name = "", value = "true"] = option.split("=");
    return [name, parsedValue(value)];
  });
  return { kind, ...Object.fromEntries(pairs) };
}

function parsedValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** The word for a specification. */
export function operatorText({ kind, ...options }: OperatorSpec): string {
  return [kind, ...Object.entries(options).map(([name, value]) => `${name}=${value}`)].join(",");
}

/** What is wrong with a specification, and what could be meant, in one message. */
const checked = z.custom<OperatorSpec>().superRefine((spec, context) => {
  const known = operatorKinds().find(({ kind }) => kind === spec.kind);
  if (!known) {
    const all = operatorKinds().map(({ kind }) => kind);
    context.addIssue({ code: "custom", message: `one of ${all.join(", ")}` });
    return;
  }
  const [issue] = operatorSpec().safeParse(spec).error?.issues ?? [];
  if (!issue) return;
  const names = Object.keys(known.options.shape);
  const at = issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
  const options = names.length > 0 ? `; ${spec.kind} takes ${names.join(", ")}` : `; ${spec.kind} takes no options`;
  context.addIssue({ code: "custom", message: `${at}${issue.message}${options}` });
});

/** Any operator that a package has registered; `preset` where none is given. */
export function operatorOption(preset: string): z.ZodType<OperatorSpec, Written | undefined> {
  return written.default(preset).transform(specOf).pipe(checked);
}

/** The same without a preset. */
export function optionalOperator(): z.ZodType<OperatorSpec | undefined, Written | undefined> {
  return written.transform(specOf).pipe(checked).optional();
}

export const operatorHelp =
  "which curvature matrix: hessian, ggn, fisher-mc, empirical-fisher, layerwise, diagonal, kfac, ekfac, kfoc, tkfac, shampoo, identity; options follow as in kfac,fisher=mc,samples=4";

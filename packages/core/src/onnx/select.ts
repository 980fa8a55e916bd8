/** Which initializers are parameters: the default by role, or what the caller asks for by name, glob or predicate. */
import { UnsupportedModelError, UsageError } from "../errors.ts";
import { loweringKey } from "./lower/index.ts";
import { refusalOf, refused } from "./lower/refused.ts";
import type { OnnxModel } from "./model.ts";
import { type InitializerRole, initializerRoles, isParameterRole } from "./roles.ts";

/** Globs (`*`, `?`), exact names, or a predicate. Without one, the roles decide. */
export type ParameterSelection = readonly string[] | ((role: InitializerRole) => boolean);

export interface InitializerChoice extends InitializerRole {
  readonly chosen: boolean;
}

/**
 * Every float initializer in the file's order, with its role and whether it is a parameter.
 *
 * @param selection Named initializers are chosen whatever their role; without it, weights, biases, scales and tables.
 * @throws {UsageError} if a name or glob matches nothing, or nothing is chosen at all.
 * @throws {UnsupportedModelError} if nothing is chosen since the weights are inside an operator that is not taken.
 */
export function chooseParameters(model: OnnxModel, selection?: ParameterSelection): InitializerChoice[] {
  const roles = initializerRoles(model);
  const choose = chooser(roles, selection, model.source);
  const choices = roles.map((role) => ({ ...role, chosen: choose(role) }));
  if (!choices.some((choice) => choice.chosen)) {
    refuseUnsupported(model);
    throw new UsageError(
      "Cannot find parameters as no float initializer of the model is used as weight, bias, scale or table",
      {
        at: model.source,
        found: `${roles.length} float initializers`,
        try: "name the parameters, or see `hessonite inspect` for why none was chosen",
      },
    );
  }
  return choices;
}

/** A model whose weights are all inside operators that are not taken, as tree ensembles: that is what to say of it. */
function refuseUnsupported({ nodes, source }: OnnxModel): void {
  for (const { domain, opType, name } of nodes) {
    const key = loweringKey(domain, opType);
    if (refused.includes(key)) {
      throw new UnsupportedModelError(`Cannot use ${key} as ${refusalOf(key)}`, { at: `${source}, node "${name}"` });
    }
  }
}

function chooser(
  roles: readonly InitializerRole[],
  selection: ParameterSelection | undefined,
  source: string,
): (role: InitializerRole) => boolean {
  if (selection === undefined) return ({ role }) => isParameterRole(role);
  if (typeof selection === "function") return selection;
  const names = roles.flatMap(({ initializer: { name, storage } }) => (storage ? [name, storage.name] : [name]));
  const patterns = selection.map((glob) => {
    const pattern = globPattern(glob);
    if (!names.some((name) => pattern.test(name))) {
      throw new UsageError("Cannot choose parameters as a name or glob matches none", {
        at: source,
        found: glob,
        try: `one of ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`,
      });
    }
    return pattern;
  });
  const namesOf = ({ name, storage }: InitializerRole["initializer"]): string[] =>
    storage && !storage.shared ? [name, storage.name] : [name];
  return ({ initializer }) => patterns.some((pattern) => namesOf(initializer).some((name) => pattern.test(name)));
}

/** `*` for any run of characters, `?` for one; everything else stands for itself. */
export function globPattern(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}

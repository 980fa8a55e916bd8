/** Which array of the data fills which input of the model. */
import { UsageError } from "../errors.ts";
import { type InputSpec, showSpec } from "./inputSpec.ts";

/** The name under which a single input may stand in the data. */
const soleName = "x";

/** The key of the array that fills an input: the input's name, or `x` for a single input; undefined if there is neither. */
export function keyOf(spec: InputSpec, specs: readonly InputSpec[], has: (key: string) => boolean): string | undefined {
  return [spec.name, ...(specs.length === 1 ? [soleName] : [])].find(has);
}

/** The error of data that lack an input. `found` lists what they have. */
export function missingInput(spec: InputSpec, specs: readonly InputSpec[], name: string, found: string): UsageError {
  return new UsageError("Cannot use data as an input of the model is missing from them", {
    at: name,
    expected: `array ${showSpec(spec)}`,
    found,
    try: `name the arrays like the model's inputs${specs.length === 1 ? `; a single one may be called ${soleName}` : ""}`,
  });
}

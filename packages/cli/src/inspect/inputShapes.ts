/** Concrete shapes for a model's inputs where its file leaves lengths open. */
import type { Dimension, OnnxModel, Port } from "@hessonite/core";
import { CommandLineError } from "../schema/commandLineError.ts";
import { nearest } from "../schema/nearest.ts";

/** For dimensions that have no other length: long enough for windows, short enough for any position table. */
const otherLength = 16;

export interface Lengths {
  /** The first axis, and every dimension of that name. */
  readonly batch: number;
  /** `name=length`, by the file's names. */
  readonly dims: readonly string[];
}

/**
 * @throws {CommandLineError} if a length is given for a name that no input has.
 */
export function inputShapes(model: OnnxModel, { batch, dims }: Lengths): Record<string, number[]> {
  const given = new Map(dims.map((text) => parsed(text, model)));
  const batchNames = new Set(model.inputs.map(({ shape }) => shape?.[0]).filter((d) => typeof d === "string"));
  const lengthOf = (d: Dimension, axis: number): number => {
    if (typeof d === "number") return d;
    if (d !== null && given.has(d)) return given.get(d) ?? batch;
    return axis === 0 || (d !== null && batchNames.has(d)) ? batch : otherLength;
  };
  return Object.fromEntries(model.inputs.map((port) => [port.name, (port.shape ?? [null]).map(lengthOf)]));
}

function parsed(text: string, model: OnnxModel): [string, number] {
  const [, name = text, digits] = /^(.+)=(\d+)$/.exec(text) ?? [];
  const names = namedDimensions(model.inputs);
  if (digits !== undefined && names.includes(name)) return [name, Number(digits)];
  const guess = nearest(name, names);
  throw new CommandLineError("Cannot set the length of a dimension as the model's inputs have none of that name", {
    expected: names.length > 0 ? names.map((n) => `${n}=<length>`).join(", ") : "nothing: all lengths are fixed",
    found: text,
    ...(guess && { try: `${guess}=<length>` }),
  });
}

function namedDimensions(inputs: readonly Port[]): string[] {
  return [...new Set(inputs.flatMap(({ shape }) => shape ?? []).filter((d) => typeof d === "string"))];
}

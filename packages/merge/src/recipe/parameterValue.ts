/**
 * A recipe's parameter, by tensor.
 *
 *     weight: 0.5                                     for all
 *     weight: [0, 0.5, 1]                             piecewise linear over depth, first layer to last
 *     weight: [{ filter: "fc*.bias", value: 0 },      the first whose glob matches; without a filter it matches all
 *              { value: [0.2, 0.8] }]
 */
import { UsageError } from "@hessonite/core";
import { z } from "zod";
import type { Place } from "../models/layers.ts";

const gradient = z.union([z.number(), z.array(z.number()).min(1)]);
const filtered = z.strictObject({ filter: z.string().optional(), value: z.union([gradient, z.boolean()]) });

export const parameterValue = z.union([gradient, z.boolean(), z.array(filtered).min(1)]);

export type ParameterValue = z.output<typeof parameterValue>;

/** @throws {UsageError} if no filter matches. */
export function valueAt(value: ParameterValue, place: Place, key: string): number | boolean {
  if (typeof value !== "object") return value;
  if (isGradient(value)) return between(value, place.depth);
  const match = value.find(({ filter }) => filter === undefined || matches(filter, place.name));
  if (match) return typeof match.value === "object" ? between(match.value, place.depth) : match.value;
  throw new UsageError("Cannot find a parameter's value for a tensor as no filter of the recipe matches it", {
    at: `"${key}" for tensor "${place.name}"`,
    try: "add an entry without a filter at the end of the list",
  });
}

function isGradient(value: readonly unknown[]): value is readonly number[] {
  return value.every((entry) => typeof entry === "number");
}

function between(anchors: readonly number[], depth: number): number {
  const at = depth * (anchors.length - 1);
  const below = Math.min(Math.floor(at), anchors.length - 1);
  const [from = 0, to = from] = [anchors[below], anchors[below + 1]];
  return from + (at - below) * (to - from);
}

/** `*` any run of characters, `?` one; without either the name contains it, as in mergekit. */
export function matches(glob: string, name: string): boolean {
  if (!/[*?]/.test(glob)) return name.includes(glob);
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
}

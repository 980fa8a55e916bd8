/** What an artefact says of itself: its kind, what it was measured with, the shapes of its blocks. */
import { UsageError } from "@hessonite/core";
import { z } from "zod";
import { curvatureKinds } from "./task.ts";

export const version = 1;
export const metadataKey = "hessonite curvature";

const blockSchema = z.object({
  name: z.string(),
  layer: z.int(),
  kind: z.enum(["matrix", "table", "vector"]),
  group: z.int().nullable(),
  out: z.int(),
  in: z.int(),
  joint: z.boolean(),
});

const manifestSchema = z.object({
  version: z.literal(version),
  kind: z.enum(curvatureKinds),
  prior: z.number().optional(),
  /** Exact curvatures: how many matrices. */
  matrices: z.int().optional(),
  model: z.string(),
  data: z.string(),
  lossName: z.string(),
  rows: z.number(),
  loss: z.number().optional(),
  inputs: z.record(z.string(), z.array(z.int())),
  count: z.number(),
  request: z.unknown(),
  blocks: z.array(blockSchema),
});

/** As it is written. */
export type Manifest = z.input<typeof manifestSchema>;

/** @throws {UsageError} if a file has none, or one of another version. */
export function manifestOf(text: string | undefined, path: string): z.output<typeof manifestSchema> {
  const parsed = manifestSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new UsageError("Cannot read the file as it is no curvature artefact of this version", {
    at: path,
    try: "one that `hessonite curvature` wrote",
  });
}

/** What `hessonite inspect` finds out. */
import { z } from "zod";
import { fileIdentitySchema } from "../options/fileIdentity.ts";

const port = z.object({
  name: z.string(),
  dtype: z.string(),
  shape: z
    .array(z.union([z.number(), z.string(), z.null()]))
    .nullable()
    .describe("names and nulls are lengths the file leaves open"),
});

export const inspectResult = z.object({
  file: fileIdentitySchema,
  producer: z.string(),
  irVersion: z.int(),
  opsets: z.record(z.string(), z.int()).describe("by domain; ONNX's own is ai.onnx"),
  inputs: z.array(port),
  outputs: z.array(port),
  prediction: z.string().describe("the output that losses are put behind"),
  parameterCount: z.int().describe("entries of all chosen initializers: the length of a vector"),
  initializers: z.array(
    z.object({
      name: z.string(),
      dtype: z.string(),
      shape: z.array(z.int()),
      count: z.int(),
      role: z.string(),
      chosen: z.boolean(),
      reason: z.string(),
    }),
  ),
  copies: z
    .array(z.object({ name: z.string(), of: z.string(), transposed: z.boolean() }))
    .describe("parameters that hold the same values as an earlier one; --tie makes them one"),
  operators: z.array(
    z.object({
      operator: z.string(),
      nodes: z.int(),
      differentiated: z.int().describe("nodes between a parameter and the prediction"),
      constant: z.int().describe("nodes that no parameter reaches: no derivative is asked for"),
      unneeded: z.int().describe("nodes that do not reach the prediction"),
      unsupported: z.int(),
    }),
  ),
  unsupported: z.array(z.object({ node: z.string(), operator: z.string() })),
  boundAt: z.record(z.string(), z.array(z.int())).describe("input shapes that the model was bound at"),
  differentiable: z.boolean().describe("whether gradients and curvature products can be built"),
  problem: z.string().nullable(),
  graph: z.string().optional(),
});

export type InspectResult = z.output<typeof inspectResult>;

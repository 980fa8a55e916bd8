/** Which model, and which of its initializers count as parameters. */
import { type OnnxModel, readModel, withTies } from "@hessonite/core";
import { z } from "zod";

export const modelOptions = {
  model: z.string().describe("the model, an .onnx file"),
  parameters: z
    .array(z.string())
    .optional()
    .describe("names or globs of initializers; weights, biases, scales and tables unless said"),
  tie: z
    .array(z.string())
    .optional()
    .describe("names or globs of copies (inspect lists them) that are one parameter with what they equal"),
  untie: z
    .array(z.string())
    .optional()
    .describe("names or globs of parameters whose uses become parameters of their own"),
  output: z.string().optional().describe("the output that is the prediction; the first of float type unless said"),
};

export type ModelOptions = z.output<z.ZodObject<typeof modelOptions>>;

export async function openModel({
  model,
  tie,
  untie,
}: Omit<ModelOptions, "parameters" | "output">): Promise<OnnxModel> {
  return withTies(await readModel(model), { ...(tie && { tie }), ...(untie && { untie }) });
}

/** What `hessonite factors` is told. */
import { z } from "zod";
import { problemOptions } from "../operator/options.ts";
import { operatorOption } from "../operator/text.ts";
import { shard } from "../schema/shard.ts";

const factorFile = z.string().endsWith(".safetensors", "a file name that ends in .safetensors");

export const factorsOptions = z.object({
  ...problemOptions,
  operator: operatorOption("kfac").describe(
    "which factors: kfac, kfoc, tkfac or shampoo; options follow as in kfac,fisher=mc,samples=4,approximation=reduce",
  ),
  shard: shard.optional().describe("one part of the rows, such as 2/8; factors merge adds them up (kfac alone)"),
  out: factorFile.optional().describe("write the factors to this file, .safetensors with a manifest"),
  spectra: z.boolean().default(true).describe("leave out the eigenvalues of the factors"),
});

export const mergeOptions = z.object({
  files: z.array(z.string()).min(2).describe("what factors --out wrote, one file a part of the data"),
  out: factorFile.describe("write the factors of all data to this file"),
});

export type FactorsOptions = z.output<typeof factorsOptions>;

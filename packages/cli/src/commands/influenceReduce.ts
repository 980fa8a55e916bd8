import { z } from "zod";
import { defineCommand } from "../command.ts";
import { reduceScores } from "../influence/reduce.ts";

const result = z.object({
  kind: z.literal("influence scores"),
  shards: z.int(),
  scores: z.string(),
  arrays: z.record(z.string(), z.array(z.int())).describe("shapes by name"),
});

export const influenceReduce = defineCommand({
  name: "influence reduce",
  summary: "Adds up the scores of all shards.",
  options: z.object({
    files: z.array(z.string()).min(1).describe("what influence --shard wrote, one file a shard"),
    out: z.string().describe("write the whole scores to this file, npz or safetensors"),
  }),
  positionals: ["files"],
  result,
  examples: ["hessonite influence reduce part-1.npz part-2.npz --out scores.npz"],
  async run({ files, out }) {
    const arrays = await reduceScores(files, out);
    return { result: { kind: "influence scores" as const, shards: files.length, scores: out, arrays } };
  },
  show: ({ shards, scores }) => `${shards} shards added up in ${scores}`,
});

/** Which bytes a file holds, for the record of a result. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { z } from "zod";

export const fileIdentitySchema = z.object({ path: z.string(), bytes: z.int(), sha256: z.string() });

export type FileIdentity = z.output<typeof fileIdentitySchema>;

export async function fileIdentity(path: string): Promise<FileIdentity> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { path, bytes, sha256: hash.digest("hex") };
}

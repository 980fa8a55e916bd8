/** A plugin's request from a YAML or JSON file. */
import { readFile } from "node:fs/promises";
import { openingFacts, UsageError } from "@hessonite/core";
import { parse } from "yaml";
import { z } from "zod";

const part = z.record(z.string(), z.unknown());
const requestFile = z.strictObject({
  plugin: z.string().min(1),
  inputs: part,
  operators: part.optional(),
  options: part.optional(),
});

/** @throws {UsageError} if the file cannot be read, is no YAML, or is of another form. */
export async function readRequest(path: string): Promise<z.output<typeof requestFile>> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError("Cannot read the request as its file cannot be opened", openingFacts(path, cause), { cause });
  });
  const { success, data, error } = requestFile.safeParse(parsed(text, path));
  if (success) return data;
  const [issue] = error.issues;
  throw new UsageError("Cannot run the request as it is not of the expected form", {
    at: `${path}, ${issue?.path.join(".") || "whole"}`,
    expected: "plugin, inputs, operators, options",
    found: issue?.message ?? "",
  });
}

function parsed(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const found = String((cause as Error).message.split("\n")[0]);
    throw new UsageError("Cannot read the request as it is not YAML", { at: path, found }, { cause });
  }
}

/** Plugins of other packages: found by the package's name, loaded only when named, and held to the same form as ours. */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import type { Plugin } from "./plugin.ts";
import { validated } from "./validation.ts";

const isSchema = (value: unknown): boolean =>
  value instanceof z.ZodType || (typeof value === "object" && value !== null && "_zod" in value);
const schema = z.custom<z.ZodType>(isSchema, "expected a zod schema");
const schemas = z.record(z.string(), schema);

const pluginForm = z.looseObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, "expected a word in lower case"),
  summary: z.string().min(1),
  requires: schemas,
  inputs: schemas,
  options: z.custom<z.ZodObject>((value) => isSchema(value) && "shape" in (value as object), "expected a zod object"),
  result: schema,
  run: z.custom<Plugin["run"]>((value) => typeof value === "function", "expected a function"),
});

export interface LoadOptions {
  /** Folder from whose node_modules the package is taken; the current one unless said. */
  readonly from?: string;
}

/**
 * The plugin that a package exports as `plugin`.
 *
 * @param name The package's name, or a path that begins with a dot.
 * @throws {UsageError} if there is no such package, or it exports no plugin.
 */
export async function loadPlugin(name: string, { from }: LoadOptions = {}): Promise<Plugin> {
  const module = await imported(name, from);
  const exported = module["plugin"];
  if (exported === undefined) {
    throw new UsageError("Cannot load the plugin as its package does not export one", {
      at: name,
      expected: 'an export named "plugin"',
      found: Object.keys(module).join(", ") || "no exports",
    });
  }
  return validated(pluginForm, exported, `load the plugin of ${name}`, "its parts") as Plugin;
}

async function imported(name: string, from = process.cwd()): Promise<Record<string, unknown>> {
  const { pathToFileURL } = await import("node:url");
  try {
    return (await import(pathToFileURL(await fileOf(name, from)).href)) as Record<string, unknown>;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new UsageError(
      "Cannot load the plugin as its package cannot be imported",
      { at: name, found: code ?? message, try: `npm install ${name}` },
      { cause },
    );
  }
}

/** A package that offers itself to `import` alone is not found by Node's resolver for `require`: its own file says where it is. */
async function fileOf(name: string, from: string): Promise<string> {
  const { createRequire } = await import("node:module");
  const { dirname, join } = await import("node:path");
  try {
    return createRequire(join(from, "package.json")).resolve(name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw cause;
    const { readFile } = await import("node:fs/promises");
    for (let folder = from; ; folder = dirname(folder)) {
      const place = join(folder, "node_modules", name);
      const text = await readFile(join(place, "package.json"), "utf8").catch(() => undefined);
      const entry = text === undefined ? undefined : importEntry((JSON.parse(text) as { exports?: unknown }).exports);
      if (entry !== undefined) return join(place, entry);
      if (dirname(folder) === folder) throw cause;
    }
  }
}

/** What `exports` has for `import` in Node. */
function importEntry(exports: unknown): string | undefined {
  if (typeof exports === "string") return exports;
  if (typeof exports !== "object" || exports === null) return undefined;
  const table = exports as Readonly<Record<string, unknown>>;
  return [".", "node", "import", "default"].map((key) => importEntry(table[key])).find((entry) => entry !== undefined);
}

import { defineConfig } from "vitest/config";
// @ts-expect-error plain JavaScript, shared with the scripts that run before anything is installed
import { entryPoints, packages, root } from "./workspace.mjs";

/** Our packages by name, wherever an example stands: a page at the root has no node_modules that knows them. */
const alias = (packages() as object[])
  .flatMap((one): [string, string][] => entryPoints(one))
  .map(([path, file]) => ({ find: new RegExp(`^${path}$`), replacement: `${root}/${file}` }));

export default defineConfig({
  root,
  resolve: { alias, conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"], externalConditions: ["source"] } },
  test: { include: ["packages/*/.hessonite/snippets/*.test.ts"], testTimeout: 60_000, pool: "forks", maxWorkers: 2 },
});

import { configDefaults, defineConfig } from "vitest/config";

const conditions = ["source"];
const slow = process.env["HESSONITE_SLOW"] === undefined ? ["**/*.slow.test.ts"] : [];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["packages/*/src/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...slow],
    setupFiles: ["scripts/properties.setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});

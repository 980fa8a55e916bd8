import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { buildKernels } from "../../../scripts/build-wasm.mjs";

describe("the compiled kernels", () => {
  // Compiles for some 15 s: part of `pnpm ok:slow`, and of every change to the C source by hand.
  it.runIf(process.env["HESSONITE_SLOW"])("are what their source compiles to, byte for byte", async () => {
    const committed = await readFile(new URL("bytes.mjs", import.meta.url), "utf8");
    expect(await buildKernels()).toBe(committed);
  });
});

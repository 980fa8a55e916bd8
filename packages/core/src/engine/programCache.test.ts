import { expect, it } from "vitest";
import type { Program } from "./engine.ts";
import { programCache } from "./programCache.ts";

/** A program that tells when it is released. */
function counted(released: string[], name: string): () => Promise<Program> {
  return () =>
    Promise.resolve({
      [Symbol.asyncDispose]: async () => void released.push(name),
    } as unknown as Program);
}

it("makes a program once, and releases the one that was not used for longest", async () => {
  const released: string[] = [];
  const cache = programCache(2);
  const a = await cache.get("a", counted(released, "a"));
  await cache.get("b", counted(released, "b"));
  expect(await cache.get("a", counted(released, "never"))).toBe(a);
  await cache.get("c", counted(released, "c"));
  await Promise.resolve();
  expect(released).toEqual(["b"]);
  await cache[Symbol.asyncDispose]();
  expect(released.sort()).toEqual(["a", "b", "c"]);
});

it("does not keep a program that failed to compile", async () => {
  const cache = programCache(2);
  await expect(cache.get("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  const released: string[] = [];
  expect(await cache.get("a", counted(released, "a"))).toBeDefined();
});

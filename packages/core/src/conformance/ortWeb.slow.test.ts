import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { ortWebEngine } from "../engine/ort/ortWeb.ts";
import { runCase } from "./compare.ts";

const folder = fileURLToPath(new URL("../../testdata/conformance/", import.meta.url));
const cases = readdirSync(folder).filter((name) => !name.includes("."));

const engine = ortWebEngine();
afterAll(() => engine[Symbol.asyncDispose]());

it.each(cases)("%s on ort-web", async (name) => {
  const { keys } = await runCase(`${folder}/${name}`, engine);
  expect(keys.filter((key) => !key.passed)).toEqual([]);
});

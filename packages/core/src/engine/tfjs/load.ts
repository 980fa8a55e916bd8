/** Finds TensorFlow.js, which is installed by those who want it. */
import { EngineError } from "../../errors.ts";
import type { Tf } from "./kernel.ts";

/** The native one, then those that are packages of their own beside `@tensorflow/tfjs-core`. */
export const tfjsBackends = ["node", "cpu", "wasm", "webgl", "webgpu"] as const;

export type TfjsBackend = (typeof tfjsBackends)[number];

const places: Readonly<Record<TfjsBackend, readonly (readonly string[])[]>> = {
  node: [["@tensorflow/tfjs-node-gpu"], ["@tensorflow/tfjs-node"]],
  cpu: [["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu"]],
  wasm: [["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm"]],
  webgl: [["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-webgl"]],
  webgpu: [["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-webgpu"]],
};

/**
 * TensorFlow.js on the backend asked for.
 *
 * @throws {EngineError} if it is not installed, or its backend does not start.
 */
export async function loadTfjs(backend: TfjsBackend): Promise<Tf> {
  const failures: string[] = [];
  for (const modules of places[backend]) {
    try {
      const [tf] = await Promise.all(modules.map(imported));
      tf!.env().set("PROD", true); // no greetings on the console
      const name = backend === "node" ? "tensorflow" : backend;
      if (!(await tf!.setBackend(name))) throw new Error(`its backend ${name} does not start`);
      await tf!.ready();
      return tf!;
    } catch (error) {
      failures.push(`${modules.join(" with ")}: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  throw new EngineError("Cannot use TensorFlow.js as it does not load", {
    found: failures.join("; "),
    try: `npm install ${places[backend].at(-1)!.join(" ")}, or the engine ort-node`,
  });
}

/** The names are no literals, so that nothing else looks for what is not installed. */
async function imported(module: string): Promise<Tf> {
  const loaded = (await import(module)) as { readonly default?: Tf } & Tf;
  return loaded.default ?? loaded;
}

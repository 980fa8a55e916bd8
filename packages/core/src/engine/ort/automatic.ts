/** The faster build of ONNX Runtime that works here. */
import { GraphBuilder, graphOf } from "../../ir/builder.ts";
import type { Engine } from "../engine.ts";
import { ortNodeEngine } from "./ortNode.ts";
import { type OrtWebOptions, ortWebEngine } from "./ortWeb.ts";

/** ort-node where its native library loads, ort-web elsewhere. */
export async function automaticEngine(options: Pick<OrtWebOptions, "lanes" | "threads"> = {}): Promise<Engine> {
  const native = ortNodeEngine(options);
  if (await works(native)) return native;
  await native[Symbol.asyncDispose]();
  return ortWebEngine(options);
}

/** Whether an engine compiles anything at all. */
async function works(engine: Engine): Promise<boolean> {
  const g = new GraphBuilder();
  const x = g.input("x", "float32", [1]);
  try {
    await using _ = await engine.compile(graphOf([x], [g.neg(x)]));
    return true;
  } catch {
    return false;
  }
}

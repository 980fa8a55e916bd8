/** How weights lie in layers. */
import { UnsupportedModelError } from "../../errors.ts";
import type { Problem } from "../problem.ts";
import type { BlockShape } from "./blocks.ts";
import { layerBlocks } from "./layerBlocks.ts";

/** The blocks of the layers, if every weight is in one. */
export function layersIfAll(problem: Problem): readonly BlockShape[] | undefined {
  try {
    const { blocks } = layerBlocks(problem, { fisher: "forward-only" }); // no loss is looked at
    return blocks.reduce((sum, { index }) => sum + index.length, 0) === problem.space.size ? blocks : undefined;
  } catch (error) {
    if (error instanceof UnsupportedModelError) return undefined;
    throw error;
  }
}

/** The blocks that a problem's parameters fall into, before anything is computed. */
import { captureLayers } from "../layers/capture.ts";
import type { Problem } from "../problem.ts";
import { type BlockShape, blockShapes } from "./blocks.ts";
import { type FactorOptions, type FactorRequest, factorRequest } from "./request.ts";
import { sharedPositions } from "./sides.ts";

export interface LayerBlocks {
  readonly blocks: readonly BlockShape[];
  /** S of each block's layer: tokens or pixels that share its weight, over all uses. */
  readonly positions: readonly number[];
  readonly request: FactorRequest;
}

/**
 * @throws {UnsupportedModelError} if a parameter is used in a way that is no layer.
 */
export function layerBlocks(problem: Problem, options: FactorOptions = {}): LayerBlocks {
  const request = factorRequest(problem, options);
  const layers = captureLayers(problem.survey.binding);
  const blocks = blockShapes(problem.space, layers, request);
  return { request, blocks, positions: blocks.map((block) => sharedPositions(layers[block.layer]!)) };
}

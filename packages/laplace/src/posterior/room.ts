/** Whether a structure has room for all of a model's weights: in memory, and in a file that is to be run. */
import { layersIfAll, type Problem } from "@hessonite/core";
import { mostFull } from "./full.ts";
import type { StructureName } from "./posterior.ts";

/** Numbers that bases and variances may have: half a gigabyte in a file. */
const mostNumbers = 2 ** 27;

/** False too where a structure needs every weight in a layer, and one is in none. */
export function hasRoom(problem: Problem, structure: StructureName): boolean {
  const { size } = problem.space;
  if (structure === "full") return size <= mostFull;
  const blocks = layersIfAll(problem);
  if (structure === "block-diagonal") return blocks?.every(({ index }) => index.length <= mostFull) ?? false;
  if (structure !== "kronecker" && structure !== "ekfac") return true;
  if (!blocks) return false;
  return blocks.reduce((sum, { out, in: width }) => sum + out * out + width * width + out * width, 0) <= mostNumbers;
}

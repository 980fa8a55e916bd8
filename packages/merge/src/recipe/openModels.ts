/** Opens a recipe's models: as they are, or with their units in the first one's order. */
import { basename, isAbsolute, join } from "node:path";
import { type ModelFile, type OnnxModel, readModel, readModelFile, UsageError } from "@hessonite/core";
import { alignModel } from "../align/alignModel.ts";
import type { Recipe } from "./recipe.ts";
import type { RunOptions } from "./runRecipe.ts";

export interface ModelOpening {
  open(path: string): Promise<OnnxModel>;
  /** What was done to the models that were opened so far. */
  readonly notes: readonly string[];
}

export function pathOf(path: string, { folder }: RunOptions): string {
  return isAbsolute(path) ? path : join(folder, path);
}

export const plainModels: ModelOpening = { open: readModel, notes: [] };

/**
 * @throws {UsageError} if the recipe keeps heads apart, or has artefacts of curvature or an anchor of its own: they speak of models
 *   as they are.
 */
export async function alignedModels(recipe: Recipe, options: RunOptions): Promise<ModelOpening> {
  const unturned = Object.entries({
    heads: recipe.heads,
    "an artefact of curvature": [recipe.base_model, ...recipe.models].some(
      (entry) => typeof entry === "object" && entry.curvature !== undefined,
    ),
    "an anchor of its own": typeof recipe.parameters?.anchor === "object",
  }).find(([, present]) => present);
  if (unturned) {
    throw new UsageError("Cannot align the models as the recipe has a part that speaks of one as it is", {
      found: unturned[0],
      try: "data in place of artefacts, the average or the base as anchor, and no heads apart",
    });
  }
  const first = pathOf(recipe.models[0]?.model ?? "", options);
  const reference = await readModelFile(first);
  const { signal } = options;
  const notes: string[] = [];
  return {
    notes,
    async open(path) {
      if (path === first) return readModel(path);
      const { bytes, groups, similarity } = await alignModel(reference, await readModelFile(path), {
        shapes: shapesOf(reference),
        ...(signal && { signal }),
      });
      const total = (of: "units" | "moved"): number => groups.reduce((sum, group) => sum + group[of], 0);
      const cosines = [similarity.before, similarity.after].map((cosine) => cosine.toFixed(3)).join(" to ");
      notes.push(
        `${basename(path)}: ${total("moved")} of ${total("units")} hidden units moved to where they fit ${basename(first)}; the cosine of their weights went from ${cosines}`,
      );
      return readModel(bytes);
    },
  };
}

/** Lengths that the model leaves open do not matter: 2 stands for each. */
function shapesOf({ model }: ModelFile): Record<string, number[]> {
  return Object.fromEntries(
    model.inputs.map(({ name, shape }) => [name, (shape ?? []).map((d) => (typeof d === "number" ? d : 2))]),
  );
}

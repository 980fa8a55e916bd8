/** Groups of weights by parameter tensor, for structures that do not care how weights are grouped. */
import type { ParameterSpace } from "@hessonite/core";
import { groupsOf, type PriorGroups, type PriorKind } from "../prior.ts";

export function parameterGroups(kind: PriorKind, { size, parameters }: ParameterSpace): PriorGroups {
  const group = new Int32Array(size);
  if (kind === "diagonal")
    group.forEach((_, i) => {
      group[i] = i;
    });
  if (kind === "layerwise") parameters.forEach(({ offset, size: n }, i) => group.fill(i, offset, offset + n));
  return groupsOf(kind, group);
}

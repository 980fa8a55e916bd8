/** The output that is analysed unless another is named. */
import type { OnnxModel } from "./model.ts";

/** The first float output, or the first. */
export function defaultOutput({ outputs }: OnnxModel): string {
  return (outputs.find((o) => o.dtype.startsWith("float")) ?? outputs[0]!).name;
}

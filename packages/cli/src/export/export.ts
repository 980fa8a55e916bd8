/** Writes a curvature product as an ONNX file. */
import { writeProductFile } from "@hessonite/core";
import { inputShapes } from "../inspect/inputShapes.ts";
import { fileIdentity } from "../options/fileIdentity.ts";
import { openLoss } from "../options/loss.ts";
import { openModel } from "../options/model.ts";
import type { ExportOptions } from "./options.ts";
import type { ExportResult } from "./result.ts";

export async function exportProduct(options: ExportOptions): Promise<ExportResult> {
  const { operator, batch, dims = [], k, out, external, parameters, output } = options;
  const model = await openModel(options);
  const loss = openLoss(options);
  const { size, space, inputs } = await writeProductFile(out, {
    model,
    loss,
    operator,
    shapes: inputShapes(model, { batch, dims }),
    external,
    ...(k !== undefined && { k }),
    ...(parameters && { parameters }),
    ...(output && { output }),
  });
  return {
    file: await fileIdentity(out),
    operator,
    loss: loss.name,
    reduction: loss.reduction,
    size,
    inputs: inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] })),
    output: { name: "product", shape: k === undefined ? [size] : [k, size] },
    parameters: space.parameters.map(({ name, shape, offset, size: count }) => ({
      name,
      shape: [...shape],
      offset,
      size: count,
    })),
  };
}

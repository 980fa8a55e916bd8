/** Constants, and what folds to constants because shapes are known. */

import type { Dtype } from "../../ir/dtype.ts";
import { widenedDtype } from "../../ir/elements.ts";
import { sizeOf } from "../../ir/shape.ts";
import { dtypeOfCode } from "../tensorProto.ts";
import type { Lowering } from "./context.ts";

const constant: Lowering = (c) => {
  const tensor = c.tensorAttr("value");
  if (tensor) return c.g.constantTensor(tensor);
  const { value_int, value_ints, value_float, value_floats } = c.node.attrs;
  if (value_int?.kind === "int") return c.g.constant(value_int.value, "int64");
  if (value_float?.kind === "float") return c.g.constant(value_float.value, "float32");
  if (value_ints?.kind === "ints") return c.g.ints(value_ints.value);
  if (value_floats?.kind === "floats") {
    const data = Float64Array.from(value_floats.value);
    return c.g.constantTensor({ dtype: "float32", shape: [data.length], data });
  }
  throw c.refuse("its value is of a kind that is not supported");
};

const constantOfShape: Lowering = (c) => {
  const value = c.tensorAttr("value");
  return c.g.fill(value ? value.data[0]! : 0, value?.dtype ?? "float32", c.ints(0) ?? []);
};

const shape: Lowering = (c) => {
  const { shape } = c.need(0);
  const rank = shape.length;
  const at = (i: number): number => Math.min(Math.max(i < 0 ? i + rank : i, 0), rank);
  return c.g.ints(shape.slice(at(c.int("start", 0)), at(c.int("end", rank))));
};

const range: Lowering = (c) => {
  const [start, limit, step] = [0, 1, 2].map((i) => c.numbers(i)![0]!) as [number, number, number];
  const count = c.count(Math.max(0, Math.ceil((limit - start) / step)));
  const data = Float64Array.from({ length: count }, (_, i) => start + i * step);
  return c.g.constantTensor({ dtype: c.need(0).dtype, shape: [count], data });
};

/** Ones on diagonal `k` of a matrix as large as the input, of its type unless said. */
const eyeLike: Lowering = (c) => {
  const x = c.need(0);
  const [rows, columns] = x.shape as [number, number];
  const code = c.int("dtype", 0);
  const dtype: Dtype | undefined = code === 0 ? x.dtype : dtypeOfCode(code);
  if (!dtype) throw c.refuse("its type is not supported", { found: `ONNX type ${code}` });
  const k = c.int("k", 0);
  const data = Float64Array.from({ length: c.count(rows * columns) }, (_, i) =>
    Number((i % columns) - Math.floor(i / columns) === k),
  );
  return c.g.constantTensor({ dtype: widenedDtype(dtype), shape: [rows, columns], data });
};

export const constants: Readonly<Record<string, Lowering>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  EyeLike: eyeLike,
  Range: range,
  Shape: shape,
  Size: (c) => c.g.constant(sizeOf(c.need(0).shape), "int64"),
};

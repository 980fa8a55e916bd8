/** A small model of token sequences, and problems over any of its rows in any order. */
import {
  createProblem,
  crossEntropy,
  datasetFromArrays,
  type Engine,
  type Problem,
  randomStream,
  tensor,
} from "@hessonite/core";
import type { Nested } from "../fixtures/fixture.ts";
import { fixtureSchema } from "../fixtures/fixture.ts";
import { sequentialModel } from "../fixtures/sequentialModel.ts";

export const [rows, queries, positions, width, hidden, classes] = [13, 3, 4, 3, 5, 3];
const stream = randomStream(7, "tokens");

function nested([length, ...rest]: readonly number[], draw: () => number): Nested {
  if (length === undefined) return draw();
  return Array.from({ length }, () => nested(rest, draw));
}

const normal = (): number => stream.normal();
const flat = (value: Nested): number[] => (typeof value === "number" ? [value] : value.flatMap(flat));
const model = sequentialModel(
  fixtureSchema.parse({
    application: "influence",
    activation: "tanh",
    loss: "cross-entropy",
    params: {
      "0.weight": nested([hidden, width], normal),
      "0.bias": nested([hidden], normal),
      "2.weight": nested([classes, hidden], normal),
      "2.bias": nested([classes], normal),
    },
    train_x: nested([1, positions, width], normal),
    train_y: nested([1, positions], () => 0),
    query_x: [],
    query_y: [],
    strategies: {},
  }),
);
const x = flat(nested([rows + queries, positions, width], normal));
const y = flat(nested([rows + queries, positions], () => stream.integer(classes)));
/** Of this label nothing counts; the last training row's last positions have it. */
export const padding = -100;
y.fill(padding, (rows - 1) * positions + 2, rows * positions);

/** Some rows of the data as a problem; the queries follow the training rows. */
export function tokenProblem(engine: Engine, chosen: readonly number[], batchSize: number): Promise<Problem> {
  const part = (data: readonly number[], size: number): Float64Array =>
    Float64Array.from(chosen.flatMap((row) => data.slice(row * size, (row + 1) * size)));
  const inputs = { x: tensor("float32", [chosen.length, positions, width], part(x, positions * width)) };
  const target = tensor("int64", [chosen.length, positions], part(y, positions));
  return createProblem({
    model,
    data: datasetFromArrays({ inputs, target }, { batchSize }),
    loss: crossEntropy({ ignoreIndex: padding }),
    engine,
  });
}

export const trainRows: readonly number[] = Array.from({ length: rows }, (_, i) => i);
export const queryRows: readonly number[] = Array.from({ length: queries }, (_, i) => rows + i);

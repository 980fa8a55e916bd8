/**
 * More rows of a kind with the calibration rows, for curvature and refits that need no labels: what the dense model says of
 * them is what is held to.
 *
 *     shift       x moved along its positional axes by up to a 28th of their lengths, its edge repeated
 *     mix         t x_a + (1 − t) x_b, two rows of a batch, t uniform in [½, 1)
 *     shift-mix   half of them the one, half the mixtures of what is shifted
 *
 * Source: Zhang, Cissé, Dauphin, Lopez-Paz (2018), mixup, arXiv:1710.09412, here without labels.
 */
import {
  type Batch,
  type Dataset,
  pickRows,
  type RandomStream,
  randomStream,
  type Tensor,
  UsageError,
} from "@hessonite/core";
import { countRows } from "./countRows.ts";

export const augmentations = ["none", "shift", "mix", "shift-mix"] as const;
export type Augmentation = (typeof augmentations)[number];

export interface AugmentOptions {
  readonly by: Exclude<Augmentation, "none">;
  /** Rows made of each. */
  readonly copies: number;
  /** 0 unless said. */
  readonly seed?: number;
}

/** Rows in all that few are made up to. */
export const usualRows = 2000;

/** Rows made of each so that there are as many as usual; none where there are. */
export function usualCopies(rows: number): number {
  return Math.max(0, Math.round(usualRows / rows) - 1);
}

/**
 * The rows as they are, then those made of them, a batch for each batch and copy; the same each time. None has a target.
 *
 * @throws {UsageError} if an input is not of floating point, or, by shifts, has no positional axes.
 */
export function augmented(data: Dataset, { by, copies, seed = 0 }: AugmentOptions): Dataset {
  return {
    name: data.name,
    ...(data.rows === undefined ? {} : { rows: data.rows * (copies + 1) }),
    ...(data.batchSize === undefined ? {} : { batchSize: data.batchSize }),
    async *batches() {
      for await (const batch of data.batches()) yield withoutTarget(batch);
      const stream = randomStream(seed, "augment");
      for (let copy = 0; copy < copies; copy++) {
        for await (const batch of data.batches()) {
          requireFloats(batch);
          yield ways[by](withoutTarget(batch), stream, copy);
        }
      }
    },
  };
}

export interface MoreRows {
  /** The rows with those made of them; another draw for another number. */
  rowsAt(draw: number): Dataset;
  /** Whether draws differ. */
  readonly anew: boolean;
  /** What is to be said of them. */
  readonly notes: readonly string[];
}

/** As many as is usual. */
export async function moreRows(data: Dataset, by: Augmentation = "none"): Promise<MoreRows> {
  if (by === "none") return { rowsAt: () => data, anew: false, notes: [] };
  const rows = await countRows(data);
  const copies = usualCopies(rows);
  if (copies === 0) {
    return {
      rowsAt: () => data,
      anew: false,
      notes: [`There are ${rows} calibration rows: none were made of them by ${by}.`],
    };
  }
  return {
    anew: true,
    rowsAt: (draw) => augmented(data, { by, copies, seed: draw }),
    notes: [`Of each of ${rows} calibration rows ${copies} more were made by ${by}; labels of them are not used.`],
  };
}

type Way = (batch: Batch, stream: RandomStream, copy: number) => Batch;

/** Inputs of one shape move alike. */
const shift: Way = (batch, stream) => {
  const drawn = Float64Array.from({ length: batch.rows * mostAxes }, () => stream.uniform());
  return onInputs(batch, (x) => shifted(x, drawn));
};

/** The same two rows and the same t in every input. */
const mix: Way = (batch, stream) => {
  const others = Array.from({ length: batch.rows }, () => stream.integer(batch.rows));
  const shares = others.map(() => 0.5 + 0.5 * stream.uniform());
  return onInputs(batch, (x) => mixed(x, pickRows(x, others), shares));
};

const ways: Readonly<Record<AugmentOptions["by"], Way>> = {
  shift,
  mix,
  "shift-mix": (batch, stream, copy) =>
    copy % 2 === 0 ? shift(batch, stream, copy) : mix(shift(batch, stream, copy), stream, copy),
};

function onInputs(batch: Batch, change: (x: Tensor) => Tensor): Batch {
  return {
    ...batch,
    inputs: Object.fromEntries(Object.entries(batch.inputs).map(([name, x]) => [name, change(x)])),
  };
}

function withoutTarget({ target: _, ...batch }: Batch): Batch {
  return batch;
}

function requireFloats({ inputs }: Batch): void {
  for (const [name, { dtype }] of Object.entries(inputs)) {
    if (dtype.startsWith("float")) continue;
    throw new UsageError("Cannot make more rows as an input is not of floating point", {
      at: `input "${name}"`,
      found: dtype,
      try: "more calibration rows",
    });
  }
}

function mixed(a: Tensor, b: Tensor, shares: readonly number[]): Tensor {
  const width = a.data.length / shares.length;
  const data = a.data.slice();
  for (let k = 0; k < data.length; k++) {
    const t = shares[Math.floor(k / width)]!;
    data[k] = t * Number(a.data[k]) + (1 - t) * Number(b.data[k]);
  }
  return { ...a, data };
}

/** Part of an axis's length that a row is moved by at most. */
const part = 1 / 28;

/** Positional axes that rows move along. */
const mostAxes = 3;

/** @param drawn Uniform in [0, 1), `[rows, axes]`. */
function shifted(x: Tensor, drawn: Float64Array): Tensor {
  const axes = positionalAxes(x.shape).slice(0, mostAxes);
  const data = x.data.slice();
  const width = x.data.length / x.shape[0]!;
  const strides = x.shape.map((_, axis) => x.shape.slice(axis + 1).reduce((n, d) => n * d, 1));
  for (let row = 0; row < x.shape[0]!; row++) {
    const moves = axes.map((axis, i) => {
      const most = Math.max(1, Math.round(x.shape[axis]! * part));
      return Math.floor(drawn[row * mostAxes + i]! * (2 * most + 1)) - most;
    });
    for (let k = 0; k < width; k++) {
      let from = row * width + k;
      axes.forEach((axis, i) => {
        const [length, stride] = [x.shape[axis]!, strides[axis]!];
        const at = Math.floor(k / stride) % length;
        from += (Math.min(length - 1, Math.max(0, at + moves[i]!)) - at) * stride;
      });
      data[row * width + k] = x.data[from]!;
    }
  }
  return { ...x, data };
}

/** Channels of an image in the last place. */
const mostColours = 4;

/** Those behind the channels: axis 1, or the last where only that can be colours. */
function positionalAxes(shape: readonly number[]): number[] {
  if (shape.length < 3) {
    throw new UsageError("Cannot shift rows as an input has no positional axes", {
      found: `shape [${shape.join(", ")}]`,
      try: "mix instead of shift",
    });
  }
  const last = shape.length - 1;
  const coloursLast = shape.length > 3 && shape[last]! <= mostColours && shape[1]! > mostColours;
  return Array.from({ length: shape.length - 2 }, (_, i) => (coloursLast ? i + 1 : i + 2));
}

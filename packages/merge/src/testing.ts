/** Small models and data for this package's tests, without the ONNX library: a linear layer's file written byte by byte. */
import { type OnnxModel, readModel } from "@hessonite/core";

type Bytes = readonly number[];

/** Protobuf: a length-delimited field. */
function field(number: number, bytes: Bytes): Bytes {
  return [(number << 3) | 2, ...varint(bytes.length), ...bytes];
}

function varint(value: number): Bytes {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
}

const integer = (number: number, value: number): Bytes => [number << 3, ...varint(value)];
const text = (number: number, value: string): Bytes => field(number, [...new TextEncoder().encode(value)]);

function port(number: number, name: string, width: number): Bytes {
  const dims = [...field(1, text(2, "rows")), ...field(1, integer(1, width))];
  return field(number, [...text(1, name), ...field(2, field(1, [...integer(1, 1), ...field(2, dims)]))]);
}

function initializer(name: string, shape: readonly number[], data: readonly number[]): Bytes {
  const raw = [...new Uint8Array(Float32Array.from(data).buffer)];
  return field(5, [...shape.flatMap((d) => integer(1, d)), ...integer(2, 1), ...text(8, name), ...field(9, raw)]);
}

export interface Layer {
  /** `[out, in]` */
  readonly weight: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

/** The file of an MLP with Tanh between its layers: x ↦ … tanh(x Wᵀ + b) …, parameters `w0`, `b0`, `w1`, … */
export function mlpBytes(layers: readonly Layer[]): Uint8Array {
  const nodes = layers.flatMap((_, i): Bytes[] => {
    const last = i === layers.length - 1;
    const transB = field(5, [...text(1, "transB"), ...integer(3, 1), ...[0xa0, 0x01, 0x02]]); // type INT
    const gemm = [`h${i}`, `w${i}`, `b${i}`].flatMap((name) => text(1, name));
    const product = field(1, [...gemm, ...text(2, last ? "f" : `z${i}`), ...text(4, "Gemm"), ...transB]);
    return last ? [product] : [product, field(1, [...text(1, `z${i}`), ...text(2, `h${i + 1}`), ...text(4, "Tanh")])];
  });
  const weights = layers.flatMap(({ weight, bias }, i) => [
    ...initializer(`w${i}`, [weight.length, weight[0]?.length ?? 0], weight.flat()),
    ...initializer(`b${i}`, [bias.length], bias),
  ]);
  const [first, last] = [layers[0], layers.at(-1)];
  const graph = [
    ...nodes.flat(),
    ...text(2, "mlp"),
    ...weights,
    ...port(11, "h0", first?.weight[0]?.length ?? 0),
    ...port(12, "f", last?.bias.length ?? 0),
  ];
  return Uint8Array.from([...integer(1, 8), ...field(7, graph), ...field(8, [...text(1, ""), ...integer(2, 17)])]);
}

export function mlp(layers: readonly Layer[]): Promise<OnnxModel> {
  return readModel(mlpBytes(layers));
}

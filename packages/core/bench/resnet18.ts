/**
 * ResNet-18 as torchvision builds it: a 7×7 stem, four stages of two basic blocks, batch normalisation by running statistics.
 *
 * Source: He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition.
 */
import { type Net, net } from "./net.ts";

const epsilon = { epsilon: { float: 1e-5 } };

/** @returns A file that takes images [batch, 3, 32, 32]. */
export function resnet18(classes = 10): Uint8Array {
  const n = net();
  let at = convolution(n, "conv1", "x", { from: 3, to: 64, kernel: 7, stride: 2 });
  at = n.add("Relu", "relu", [normalisation(n, "bn1", at, 64)]);
  at = n.add("MaxPool", "maxpool", [at], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let from = 64;
  for (const [i, to] of [64, 128, 256, 512].entries()) {
    for (const block of [0, 1]) {
      at = basicBlock(n, `layer${i + 1}.${block}`, at, from, to, i > 0 && block === 0 ? 2 : 1);
      from = to;
    }
  }
  at = n.add("Flatten", "flat", [n.add("GlobalAveragePool", "pool", [at])], { axis: 1 });
  at = n.add("Gemm", "fc", [at, n.weight("fc.weight", [classes, 512], 0.05), n.weight("fc.bias", [classes], 0.1)], {
    transB: 1,
  });
  return n.encode({ name: "x", dtype: "float32", shape: ["batch", 3, 32, 32] }, at);
}

/** relu(x + bn(conv(relu(bn(conv(x)))))), with a 1×1 convolution where the shapes differ. */
function basicBlock(n: Net, name: string, x: string, from: number, to: number, stride: number): string {
  const first = convolution(n, `${name}.conv1`, x, { from, to, kernel: 3, stride });
  const inner = n.add("Relu", `${name}.relu1`, [normalisation(n, `${name}.bn1`, first, to)]);
  const second = convolution(n, `${name}.conv2`, inner, { from: to, to, kernel: 3, stride: 1 });
  const main = normalisation(n, `${name}.bn2`, second, to);
  const down =
    from === to && stride === 1
      ? x
      : normalisation(
          n,
          `${name}.downsample.1`,
          convolution(n, `${name}.downsample.0`, x, { from, to, kernel: 1, stride }),
          to,
        );
  return n.add("Relu", `${name}.relu2`, [n.add("Add", `${name}.add`, [main, down])]);
}

interface Convolution {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
}

function convolution(n: Net, name: string, x: string, { from, to, kernel, stride }: Convolution): string {
  const pad = Math.floor(kernel / 2);
  const w = n.weight(`${name}.weight`, [to, from, kernel, kernel], Math.sqrt(2 / (kernel * kernel * from)));
  return n.add("Conv", name, [x, w], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
  });
}

function normalisation(n: Net, name: string, x: string, channels: number): string {
  const inputs = [
    n.weight(`${name}.weight`, [channels], 0.1, 1),
    n.weight(`${name}.bias`, [channels], 0.1),
    n.weight(`${name}.running_mean`, [channels], 0.1),
    n.weight(`${name}.running_var`, [channels], 0.1, 1),
  ];
  return n.add("BatchNormalization", name, [x, ...inputs], epsilon);
}

/**
 * The products of `products.bench.ts` on two known architectures, ResNet-18 and nanoGPT, and what their programs take to
 * compile.
 *
 *     pnpm bench architectures [-- resnet18 nanogpt] [--threads 2] [--repeats 5]
 *
 * Writes bench/results/architectures.json.
 */
import { fileURLToPath } from "node:url";
import { benchProducts } from "./measure.ts";
import { architectures } from "./problems.ts";

await benchProducts(fileURLToPath(import.meta.url), architectures, {
  repeats: 5,
  only: ["gradient", "H·v", "G·v", "EF·v"],
});

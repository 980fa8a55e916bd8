/**
 * Gradient, H·v, G·v, EF·v and K = 8 columns, as multiples of one gradient in the same run.
 *
 *     pnpm bench products [-- mlp cnn small] [--threads 2] [--repeats 30]
 *
 * Times are the minimum of repeats, the operations interleaved. The floor counts the matrix products' operations against the
 * gradient's. Peak memory is each operation's own, in a fresh process. Writes bench/results/products.json.
 */
import { fileURLToPath } from "node:url";
import { benchProducts } from "./measure.ts";
import { benchProblems } from "./problems.ts";

await benchProducts(fileURLToPath(import.meta.url), benchProblems, { repeats: 30 });

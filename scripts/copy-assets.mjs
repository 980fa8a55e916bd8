/**
 * The last step of a package's build, run in its folder: makes `dist` mirror `src`.
 *
 * Copies what the compiler does not (`.mjs` and `.d.mts`, `.wasm`, `.json`, `.html`, `.css`), paths kept, and removes outputs
 * whose source is gone.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const asset = /\.(mjs|d\.mts|wasm|json|html|css)$/;
const output = /(\.d\.ts|\.js|\.js\.map|\.d\.ts\.map)$/;

const filesOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1));

for (const path of filesOf("src").filter((path) => asset.test(path))) {
  mkdirSync(dirname(join("dist", path)), { recursive: true });
  copyFileSync(join("src", path), join("dist", path));
}

for (const path of filesOf("dist")) {
  const source = output.test(path) ? path.replace(output, ".ts") : path;
  if (!existsSync(join("src", source))) rmSync(join("dist", path));
}

/**
 * Compiles the linear algebra kernels (src/linalg/kernels/*.c) to src/linalg/kernels/bytes.mjs.
 *
 *     node packages/core/scripts/build-wasm.mjs          writes the file
 *     node packages/core/scripts/build-wasm.mjs --check  fails if the committed file is not what the source gives
 *
 * The compiler is LLVM, itself compiled to WebAssembly, from npm: the same source gives the same bytes everywhere.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { commands } from "@yowasp/clang";

const folder = new URL("../src/linalg/kernels/", import.meta.url);
const target = new URL("bytes.mjs", folder);

const flags = [
  "--target=wasm32",
  "-O3",
  "-msimd128",
  "-mbulk-memory",
  "-std=c17",
  "-ffreestanding",
  "-fno-math-errno",
  "-ffp-contract=off",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-nostdlib",
  "-Wl,--no-entry",
  "-Wl,--strip-all",
  "-Wl,-z,stack-size=262144",
  "-Wl,--max-memory=4294967296",
];

/** The compiled module, as the text of bytes.mjs. */
export async function buildKernels() {
  const names = (await readdir(folder)).filter((name) => /\.[ch]$/.test(name)).sort();
  const files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, folder))])),
  );
  const log = [];
  const options = { stderr: (bytes) => bytes && log.push(Buffer.from(bytes).toString()), stdout: () => {} };
  let built;
  try {
    built = await commands.clang(["clang", ...flags, "kernels.c", "-o", "kernels.wasm"].slice(1), files, options);
  } catch {
    throw new Error(`Cannot compile the kernels\n${log.join("")}`);
  }
  const base64 = Buffer.from(built["kernels.wasm"]).toString("base64");
  const lines = base64.match(/.{1,116}/g).map((line) => `  "${line}",`);
  return `// Made by scripts/build-wasm.mjs from the C source beside this file; do not edit.\nexport const bytes = [\n${lines.join("\n")}\n].join("");\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await buildKernels();
  if (!process.argv.includes("--check")) await writeFile(target, text);
  else if ((await readFile(target, "utf8")) !== text) {
    console.error(
      "Cannot accept bytes.mjs as it is not what the C source compiles to\n  try       pnpm --filter @hessonite/core wasm",
    );
    process.exit(1);
  }
  console.log(`${text.length} characters`);
}

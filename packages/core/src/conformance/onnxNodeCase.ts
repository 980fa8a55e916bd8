/** One of ONNX's operator tests, as they are packed in an npz: `<case>/model`, `/input/<k>/<name>`, `/output/<k>/<name>`, `/tolerance`. */
import type { StoredTensor, TensorFile } from "../data/tensorFile.ts";
import { UsageError } from "../errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import { readModel } from "../onnx/decode.ts";
import type { OnnxModel } from "../onnx/model.ts";
import type { Tolerance } from "../testing/tolerance.ts";

export interface OnnxNodeCase {
  readonly name: string;
  readonly model: OnnxModel;
  /** By name; absent optional inputs are not among them. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly tolerance: Tolerance;
}

/** A case that has not been read yet. */
export interface PackedCase {
  readonly name: string;
  /** @throws {UnsupportedModelError} if its model cannot be read. */
  read(): Promise<OnnxNodeCase>;
}

/**
 * The cases of a file.
 *
 * @throws {UsageError} if the file holds none.
 */
export function packedCases(file: TensorFile): PackedCase[] {
  const byCase = new Map<string, StoredTensor[]>();
  for (const stored of file.tensors.values()) {
    const [name] = stored.name.split("/");
    byCase.set(name!, [...(byCase.get(name!) ?? []), stored]);
  }
  const cases = [...byCase].filter(([name]) => file.tensors.has(`${name}/model`));
  if (cases.length === 0) {
    throw new UsageError("Cannot run operator tests as the file holds none", {
      at: file.name,
      expected: "arrays named <case>/model",
    });
  }
  return cases.map(([name, stored]) => ({ name, read: () => readCase(name, stored, file) }));
}

async function readCase(name: string, stored: readonly StoredTensor[], { tensors }: TensorFile): Promise<OnnxNodeCase> {
  const model = await readModel(Uint8Array.from((await tensors.get(`${name}/model`)!.read()).data));
  const [relative = 1e-3, absolute = 1e-7] = (await tensors.get(`${name}/tolerance`)?.read())?.data ?? [];
  return {
    name,
    model,
    inputs: await readAll(stored, `${name}/input/`),
    outputs: await readAll(stored, `${name}/output/`),
    tolerance: usesFloat16(model) ? float16 : { relative, absolute },
  };
}

/** The arrays whose names begin like this, by what follows the number after it: names may contain slashes. */
async function readAll(stored: readonly StoredTensor[], prefix: string): Promise<Map<string, Tensor>> {
  const found = new Map<string, Tensor>();
  for (const array of stored) {
    if (!array.name.startsWith(prefix)) continue;
    const name = array.name.slice(prefix.length).replace(/^\d+\//, "");
    if (name !== "") found.set(name, await array.read());
  }
  return found;
}

/** What the tests compute in float16 is off by a few roundings of 2⁻¹¹, its own tolerance notwithstanding. */
const float16: Tolerance = { relative: 2 ** -8, absolute: 2 ** -10 };

function usesFloat16({ inputs, outputs }: OnnxModel): boolean {
  return [...inputs, ...outputs].some(({ dtype }) => dtype === "float16");
}

/** Writes a model's file anew with other weights, and the files with external data that belong to it. */
import { copyFile, mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize, resolve, sep } from "node:path";
import { UsageError } from "../errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import { readModel } from "./decode.ts";
import { storedValues } from "./identity/storedValues.ts";
import type { OnnxModel } from "./model.ts";
import { externalLocations, patchModel } from "./patch.ts";
import type { ExternalPatch } from "./patchTensor.ts";

export interface WriteOptions {
  /** Key–value pairs added to the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What names the parameters, where it is not the file as it is read: the same model with ties made or undone. */
  readonly model?: OnnxModel;
}

/**
 * @param source The model's path; it stays as it is.
 * @param target Where the new one goes; with external data into another folder, as those files keep their names.
 * @param values By parameter, or by stored name. Parameters that are stored together and no longer equal are split; copies
 *   that were tied follow their original.
 * @throws {UsageError} as `patchModel`, or if external data would be written over the source's.
 */
export async function writePatchedModel(
  source: string,
  target: string,
  values: ReadonlyMap<string, Tensor>,
  { metadata = {}, model }: WriteOptions = {},
): Promise<void> {
  const file = await readFile(source);
  const stored = storedValues(model ?? (await readModel(source)), values);
  const { bytes, external } = patchModel(file, stored.values, { metadata, splits: stored.splits });
  const folder = dirname(resolve(target));
  await mkdir(folder, { recursive: true });
  await writeExternal(dirname(resolve(source)), folder, externalLocations(file), external);
  const temporary = `${target}.part`;
  await writeFile(temporary, bytes);
  await rename(temporary, target);
}

/** Every file that the model's tensors lie in is copied, those of new values with them. */
async function writeExternal(
  from: string,
  to: string,
  locations: readonly string[],
  patches: readonly ExternalPatch[],
): Promise<void> {
  if (from === to) {
    if (patches.length === 0) return;
    throw new UsageError("Cannot write the model beside the first as both would use one file of external data", {
      at: to,
      try: "write it into another folder",
    });
  }
  for (const location of locations) {
    const inside = normalize(location);
    if (isAbsolute(inside) || inside === ".." || inside.startsWith(`..${sep}`)) {
      throw new UsageError("Cannot write weights as their file lies outside the model's folder", { found: location });
    }
    await mkdir(dirname(join(to, inside)), { recursive: true });
    await copyFile(join(from, inside), join(to, inside));
    const file = await open(join(to, inside), "r+");
    try {
      for (const patch of patches)
        if (patch.location === location) await file.write(patch.bytes, 0, patch.bytes.length, patch.offset);
    } finally {
      await file.close();
    }
  }
}

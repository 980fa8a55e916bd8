/** Tensors whose data lie in a file beside the model. Only that part of the file is read, when it is asked for. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import type { onnx } from "onnx-proto";
import { UnsupportedModelError } from "../errors.ts";
import { bytesPerElement, decodeElements, widenedDtype } from "../ir/elements.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { dimsOf, dtypeOfCode } from "./tensorProto.ts";

/**
 * Reads one tensor.
 *
 * @param folder The model's folder; paths that leave it are refused.
 * @throws {UnsupportedModelError} if the file is missing, too short, outside the folder, or the model came as bytes.
 */
export function externalTensor(proto: onnx.ITensorProto, folder: string | undefined): Tensor {
  const at = `tensor "${proto.name}"`;
  const entry = new Map((proto.externalData ?? []).map((e) => [e.key ?? "", e.value ?? ""]));
  const location = entry.get("location") ?? "";
  if (folder === undefined) {
    throw new UnsupportedModelError(
      "Cannot read a tensor as its data lie in another file and the model was given as bytes",
      {
        at,
        found: location,
        try: "give the model's path",
      },
    );
  }
  checkInside(folder, location, at);
  const dtype = dtypeOfCode(proto.dataType ?? 0);
  if (!dtype || dtype === "string") {
    throw new UnsupportedModelError("Cannot read a tensor as its element type is not supported", {
      at,
      found: `ONNX type ${proto.dataType}`,
    });
  }
  const shape = dimsOf(proto);
  const length = sizeOf(shape) * bytesPerElement(dtype);
  checkExtent(entry, length, at);
  const bytes = readPart(join(folder, location), Number(entry.get("offset") ?? 0), length, at);
  return {
    dtype: widenedDtype(dtype),
    shape,
    data: decodeElements(dtype, bytes, sizeOf(shape), { at, rounding: true }),
  };
}

/** The path must name something below the folder. */
function checkInside(folder: string, location: string, at: string): void {
  const path = relative(resolve(folder), resolve(folder, location));
  const leaves =
    path === "" || path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path) || isAbsolute(location);
  if (!leaves && !location.includes("\0")) return;
  throw new UnsupportedModelError("Cannot read a tensor as its data lie outside the model's folder", {
    at,
    found: location || "no location",
  });
}

/** Offset and length, where given, must be what the tensor's type and shape need. */
function checkExtent(entry: ReadonlyMap<string, string>, length: number, at: string): void {
  const offset = Number(entry.get("offset") ?? 0);
  const declared = Number(entry.get("length") ?? length);
  if (Number.isSafeInteger(offset) && offset >= 0 && declared === length) return;
  throw new UnsupportedModelError("Cannot read a tensor as the place of its data does not fit its shape", {
    at,
    expected: `${length} bytes`,
    found: `${entry.get("length") ?? length} bytes from ${entry.get("offset") ?? 0}`,
  });
}

function readPart(path: string, offset: number, length: number, at: string): Uint8Array {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) {
    throw new UnsupportedModelError("Cannot read a tensor as the file with its data is missing", {
      at,
      expected: path,
      try: "keep the external data file beside the model",
    });
  }
  if (offset + length > found.size) throw tooShort(path, offset + length, found.size, at);
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const read = readSync(file, bytes, done, length - done, offset + done);
      if (read === 0) throw tooShort(path, offset + length, offset + done, at);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

function tooShort(path: string, needed: number, size: number, at: string): UnsupportedModelError {
  return new UnsupportedModelError("Cannot read a tensor as the file with its data is too short", {
    at,
    expected: `${needed} bytes`,
    found: `${size} bytes in ${path}`,
  });
}

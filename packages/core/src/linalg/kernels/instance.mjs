/**
 * One instance of the compiled kernels, and the one way to call them: arrays are copied in and results copied out.
 *
 * Plain JavaScript, so that a worker can load it from the source tree and from the package alike.
 */
import { bytes } from "./bytes.mjs";

let compiled;
let instance;

/** Memory never shrinks; an instance that holds more than this is dropped after the call. */
const keptBytes = 256 * 2 ** 20;

function exportsOfInstance() {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)));
  instance ??= new WebAssembly.Instance(compiled);
  return instance.exports;
}

/** Runs one call (see instance.d.mts); the results are new arrays. */
export function callKernel({ kernel, sizes, arrays }) {
  const wasm = exportsOfInstance();
  const mark = wasm.mark() >>> 0;
  try {
    const length = (a) => ("result" in a ? a.result : (a.input ?? a.update).length);
    const addresses = arrays.map((a) => wasm.doubles(length(a)) >>> 0);
    const view = (i) => new Float64Array(wasm.memory.buffer, addresses[i], length(arrays[i]));
    for (const [i, a] of arrays.entries()) {
      if ("result" in a) view(i).fill(0);
      else view(i).set(a.input ?? a.update);
    }
    const status = wasm[kernel](...sizes, ...addresses);
    const results = arrays.flatMap((a, i) => ("input" in a ? [] : [view(i).slice()]));
    wasm.release(mark);
    if (wasm.memory.buffer.byteLength > keptBytes) instance = undefined;
    return { status, results };
  } catch (error) {
    instance = undefined; // a trap leaves its memory in no known state
    throw error;
  }
}

/** A worker that answers kernel calls, one after the other: in Node a worker thread, in a browser a module worker. */
import { callKernel } from "./instance.mjs";

const isBrowser = typeof WorkerGlobalScope !== "undefined";
const port = isBrowser ? globalThis : (await import("node:worker_threads")).parentPort;

function answer(call) {
  try {
    const reply = callKernel(call);
    port.postMessage(
      { reply },
      reply.results.map((array) => array.buffer),
    );
  } catch (error) {
    port.postMessage({ failure: String(error) });
  }
}

if (isBrowser) port.onmessage = ({ data }) => answer(data);
else port.on("message", answer);

/** Ctrl-C as cancellation: the first ends the work in order, the second ends the process. */

/** A signal that aborts on SIGINT or SIGTERM. */
export function cancelOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

/**
 * Buffers that feeds and outputs travel in, used again.
 *
 * A worker sends a feed's buffer back with its results; an output's comes back when its reader recycles it. Memory that was touched before costs nothing to fill; fresh pages can
 * cost more than the product that they are for.
 */

export interface BufferPool {
  /** A buffer of exactly this size; its content is left over. */
  take(bytes: number): ArrayBuffer;
  /** One that was used before, if there is one. */
  takeUsed(bytes: number): ArrayBuffer | undefined;
  give(buffers: readonly ArrayBuffer[]): void;
}

/** Keeps at most `capacity` bytes. */
export function bufferPool(capacity: number): BufferPool {
  const free = new Map<number, ArrayBuffer[]>();
  let held = 0;
  const takeUsed = (bytes: number): ArrayBuffer | undefined => {
    const buffer = free.get(bytes)?.pop();
    if (buffer) held -= bytes;
    return buffer;
  };
  return {
    take: (bytes) => takeUsed(bytes) ?? new ArrayBuffer(bytes),
    takeUsed,
    give(buffers) {
      for (const buffer of buffers) {
        const bytes = buffer.byteLength;
        if (bytes === 0 || held + bytes > capacity) continue;
        const list = free.get(bytes) ?? [];
        free.set(bytes, list);
        list.push(buffer);
        held += bytes;
      }
    },
  };
}

/** Compiled programs by key, the least recently used released when there are too many. */
import type { Program } from "./engine.ts";

export interface ProgramCache extends AsyncDisposable {
  /** The program of this key, made by `make` if it is not there. */
  get(key: string, make: () => Promise<Program>): Promise<Program>;
}

export function programCache(capacity: number): ProgramCache {
  const programs = new Map<string, Promise<Program>>();
  const release = async (program: Promise<Program>): Promise<void> => {
    await program.then((p) => p[Symbol.asyncDispose]()).catch(() => undefined); // one that failed to compile holds nothing
  };
  return {
    get(key, make) {
      const known = programs.get(key);
      if (known) {
        programs.delete(key);
        programs.set(key, known);
        return known;
      }
      const made = make();
      programs.set(key, made);
      made.catch(() => programs.delete(key));
      const [oldest] = programs.keys();
      if (programs.size > capacity && oldest !== undefined) {
        const stale = programs.get(oldest)!;
        programs.delete(oldest);
        void release(stale);
      }
      return made;
    },
    async [Symbol.asyncDispose]() {
      const all = [...programs.values()];
      programs.clear();
      await Promise.all(all.map(release));
    },
  };
}

/**
 * A LAPACK of the system (OpenBLAS, Accelerate, reference), where the optional package koffi is installed and finds one.
 *
 * Calls run on libuv's threads and do not block the event loop; a call in progress cannot be cancelled, its result is
 * dropped instead. HESSONITE_LAPACK names a library of your own, or is "off".
 */
import { HessoniteError, UsageError } from "../errors.ts";
import type { Eigendecomposition } from "./eigh.ts";
import { type Matrix, transpose } from "./matrix.ts";

export type Backend = "auto" | "wasm" | "lapack";

/** The routines we use of it. */
export interface Lapack {
  /** The library's file. */
  readonly library: string;
  /** dsyevd */
  eigh(a: Matrix, signal?: AbortSignal): Promise<Eigendecomposition>;
}

/** Below this side our kernels, inline, are as fast as the way to a library. */
const least = 256;

/** The library to use for a matrix of side n, or undefined for our own kernels. */
export async function lapackFor(backend: Backend, n: number): Promise<Lapack | undefined> {
  if (backend === "wasm" || (backend === "auto" && n < least)) return undefined;
  const found = await findLapack();
  if (found === undefined && backend === "lapack") {
    throw new UsageError("Cannot use LAPACK as no library was found", {
      try: `install koffi and one of ${libraries().join(", ")}, or set HESSONITE_LAPACK to its path`,
    });
  }
  return found;
}

let search: Promise<Lapack | undefined> | undefined;

/** The first library that loads; looked for once a process. */
export function findLapack(): Promise<Lapack | undefined> {
  search ??= load();
  return search;
}

function libraries(): string[] {
  const own = process.env["HESSONITE_LAPACK"];
  if (own) return [own];
  return (
    {
      darwin: ["/System/Library/Frameworks/Accelerate.framework/Accelerate", "libopenblas.dylib"],
      win32: ["libopenblas.dll", "openblas.dll"],
    }[process.platform as string] ?? ["libopenblas.so.0", "libopenblas.so", "liblapack.so.3"]
  );
}

async function load(): Promise<Lapack | undefined> {
  if (typeof process === "undefined" || process.env["HESSONITE_LAPACK"] === "off") return undefined;
  const koffi = await importKoffi();
  if (koffi === undefined) return undefined;
  for (const library of libraries()) {
    try {
      return bind(koffi, library);
    } catch {
      // not here, or without the routine: the next one
    }
  }
  return undefined;
}

type Callback = (error: Error | null) => void;

/** What we use of koffi, which is not always installed. */
interface Koffi {
  load(library: string): { func(name: string, result: string, parameters: readonly string[]): Routine };
}

interface Routine {
  async(...parameters: unknown[]): void;
}

async function importKoffi(): Promise<Koffi | undefined> {
  const name = "koffi"; // a variable, so that bundlers and the compiler do not look for it
  try {
    const module: unknown = await import(name);
    return ((module as { default?: Koffi }).default ?? module) as Koffi;
  } catch {
    return undefined;
  }
}

/** jobz, uplo, n, A, lda, w, work, lwork, iwork, liwork, info */
const dsyevdParameters = [
  "str",
  "str",
  "int *",
  "double *",
  "int *",
  "double *",
  "double *",
  "int *",
  "int *",
  "int *",
  "int *",
];

function bind(koffi: Koffi, library: string): Lapack {
  const dsyevd = koffi.load(library).func("dsyevd_", "void", dsyevdParameters);
  return { library, eigh: (a, signal) => symmetricEigen(dsyevd, a, signal) };
}

async function symmetricEigen(
  dsyevd: Routine,
  matrix: Matrix,
  signal: AbortSignal | undefined,
): Promise<Eigendecomposition> {
  const n = matrix.rows;
  const int = (x: number): Int32Array => Int32Array.of(x);
  const a = matrix.data.slice();
  const values = new Float64Array(n);
  const info = int(0);
  const work = new Float64Array(1 + 6 * n + 2 * n * n);
  const integers = new Int32Array(3 + 5 * n);
  await callAside(dsyevd, [
    "V",
    "U",
    int(n),
    a,
    int(n),
    values,
    work,
    int(work.length),
    integers,
    int(integers.length),
    info,
  ]);
  signal?.throwIfAborted();
  if (info[0] !== 0)
    throw new HessoniteError("Cannot diagonalise a matrix as LAPACK's dsyevd failed", { found: `info ${info[0]}` });
  return { values, vectors: transpose({ rows: n, columns: n, data: a }) }; // LAPACK's columns are our rows
}

/** Arrays that a routine in progress reads and writes: nothing else may hold them, and they must not be collected. */
const inUse = new Set<readonly unknown[]>();

async function callAside(routine: Routine, parameters: readonly unknown[]): Promise<void> {
  inUse.add(parameters);
  try {
    await new Promise<void>((resolve, reject) => {
      const done: Callback = (error) => (error ? reject(error) : resolve());
      routine.async(...parameters, done);
    });
  } finally {
    inUse.delete(parameters);
  }
}

/**
 * Runs plugins: validates what goes in and comes out, opens models and data, builds operators and shares them.
 *
 * Everything that is shared lives as long as the host. Two plugins that ask for the same factors of the same problem get
 * the same ones, computed once.
 */
import { z } from "zod";
import type { Engine } from "../engine/engine.ts";
import { ortNodeEngine } from "../engine/ort/ortNode.ts";
import { kroneckerFactors } from "../operators/factors/kroneckerFactors.ts";
import type { Problem } from "../operators/problem.ts";
import { type Arrays, arrayStore } from "./arrayStore.ts";
import { canonical, fileHash } from "./identity.ts";
import { openProblem } from "./openProblem.ts";
import { buildOperator, type OperatorSpec } from "./operatorSpec.ts";
import type { Plugin, PluginContext, PluginServices, Schemas, StageProgress, TypedPlugin } from "./plugin.ts";
import { isDataset } from "./references.ts";
import { validated } from "./validation.ts";

export interface HostOptions {
  /** ONNX Runtime in a worker thread unless given; one that is given stays the caller's to release. */
  readonly engine?: Engine;
  /** Bytes for each problem; see ProblemOptions. */
  readonly memory?: number;
  /** Folder in which plugins keep what is costly; nothing is kept unless given. */
  readonly cache?: string;
}

export interface RunRequest {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly operators?: Readonly<Record<string, unknown>>;
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface RunHooks {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: StageProgress) => void;
  readonly onNote?: (text: string) => void;
}

export interface Host extends AsyncDisposable {
  readonly engine: Engine;
  /**
   * @throws {UsageError} if the request, or what the plugin returns, does not fit its schemas.
   */
  run<Requires extends Schemas, Inputs extends Schemas, Options extends z.ZodObject, Result extends z.ZodType>(
    plugin: TypedPlugin<Requires, Inputs, Options, Result>,
    request: RunRequest,
    hooks?: RunHooks,
  ): Promise<z.output<Result>>;
  /** The same for a plugin that was loaded by name. */
  runAny(plugin: Plugin, request: RunRequest, hooks?: RunHooks): Promise<unknown>;
}

export function createHost({ engine: given, memory, cache }: HostOptions = {}): Host {
  const engine = given ?? ortNodeEngine();
  const store = cache === undefined ? undefined : arrayStore(cache);
  const problems = memo<Problem>();
  const shared = memo<unknown>();
  const keyOfProblem = new WeakMap<Problem, string>();
  const keys = objectKeys();

  const services = ({ signal, onProgress, onNote }: RunHooks): PluginServices => {
    const abort = signal ?? new AbortController().signal;
    return {
      engine,
      signal: abort,
      progress: (progress) => {
        abort.throwIfAborted();
        onProgress?.(progress);
      },
      note: (text) => onNote?.(text),
      async problem(request) {
        const key = keys(request);
        const problem = await problems.get(key, () => openProblem(request, { engine, memory, signal: abort }));
        keyOfProblem.set(problem, key);
        return problem;
      },
      factors: (problem, options = {}) =>
        shared.get(`factors ${keyOfProblem.get(problem) ?? keys(problem)} ${canonical(plain(options))}`, () =>
          kroneckerFactors(problem, options),
        ) as ReturnType<PluginServices["factors"]>,
      operator: (spec, problem) =>
        shared.get(`operator ${keyOfProblem.get(problem) ?? keys(problem)} ${canonical(spec)}`, () =>
          buildOperator(spec, problem),
        ) as ReturnType<PluginServices["operator"]>,
      arrays: (key, make) =>
        shared.get(`arrays ${canonical(key)}`, async () => {
          const stored = await store?.load(key);
          if (stored) return stored;
          const made = await make();
          await store?.save(key, made);
          return made;
        }) as Promise<Arrays>,
      kept: async (key) => store?.load(key),
      keep: async (key, arrays) => store?.save(key, arrays, { flush: false }),
      async identity(reference) {
        if (typeof reference === "string") return fileHash(reference);
        return "file" in reference && !isDataset(reference) ? fileHash(reference.file) : undefined;
      },
    };
  };

  const runAny = async (plugin: Plugin, request: RunRequest, hooks: RunHooks = {}): Promise<unknown> => {
    hooks.signal?.throwIfAborted();
    const action = `run ${plugin.name}`;
    const known = ["inputs", "operators", "options"];
    validated(
      z.strictObject(Object.fromEntries(known.map((key) => [key, z.unknown().optional()]))),
      request,
      action,
      "the parts of its request",
    );
    const inputs = validated(z.strictObject(plugin.inputs), request.inputs, action, "its inputs");
    const specs = validated(
      z.strictObject(plugin.requires),
      request.operators ?? {},
      action,
      "its operators",
    ) as Record<string, OperatorSpec>;
    const options = validated(z.strictObject(plugin.options.shape), request.options ?? {}, action, "its options");
    const offered = services(hooks);
    const operators = Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [name, (problem: Problem) => offered.operator(spec, problem)]),
    );
    const result = await plugin.run({ ...offered, inputs, operators, specs, options } as PluginContext<
      never,
      never,
      never
    >);
    return validated(plugin.result, result, action, "its results");
  };

  return {
    engine,
    runAny,
    run: (plugin, request, hooks) => runAny(plugin as unknown as Plugin, request, hooks) as never,
    async [Symbol.asyncDispose]() {
      for (const value of shared.values()) await disposed(value);
      for (const problem of problems.values()) await disposed(problem);
      if (!given) await engine[Symbol.asyncDispose]();
    },
  };
}

async function disposed(value: Promise<unknown>): Promise<void> {
  const thing = (await value.catch(() => undefined)) as Partial<AsyncDisposable> | undefined;
  await thing?.[Symbol.asyncDispose]?.();
}

interface Memo<T> {
  get(key: string, make: () => Promise<T>): Promise<T>;
  values(): Iterable<Promise<T>>;
}

/** Makes each thing once; one that failed is made again when it is asked for again. */
function memo<T>(): Memo<T> {
  const made = new Map<string, Promise<T>>();
  return {
    get(key, make) {
      const known = made.get(key) ?? make();
      made.set(key, known);
      known.catch(() => made.delete(key));
      return known;
    },
    values: () => [...made.values()],
  };
}

/** Text that is the same for the same request; objects that live in this process are numbered. */
function objectKeys(): (value: object) => string {
  const numbers = new WeakMap<object, number>();
  let next = 0;
  const numbered = (value: object): string => {
    const number = numbers.get(value) ?? next++;
    numbers.set(value, number);
    return `object ${number}`;
  };
  const keyOf = (value: unknown): unknown => {
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map(keyOf);
    const entries = Object.entries(value);
    const isPlain =
      Object.getPrototypeOf(value) === Object.prototype &&
      !("initializers" in value || "batches" in value || "terms" in value || "survey" in value);
    return isPlain ? Object.fromEntries(entries.map(([k, v]) => [k, keyOf(v)])) : numbered(value);
  };
  return (value) => canonical(keyOf(value));
}

/** What of the options says what is computed. */
function plain({
  signal: _,
  onProgress: __,
  part: ___,
  ...options
}: {
  readonly signal?: unknown;
  readonly onProgress?: unknown;
  readonly part?: unknown;
}): object {
  return options;
}

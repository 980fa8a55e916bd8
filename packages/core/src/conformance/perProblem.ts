/** Results that are made once for each problem and name. */
import type { Problem } from "../operators/problem.ts";

/** `make`, remembered for as long as the problem lives. */
export function oncePerProblem<T>(make: (problem: Problem, name: string) => T): (problem: Problem, name: string) => T {
  const cache = new WeakMap<Problem, Map<string, T>>();
  return (problem, name) => {
    const known = cache.get(problem) ?? new Map<string, T>();
    cache.set(problem, known);
    const value = known.get(name) ?? make(problem, name);
    known.set(name, value);
    return value;
  };
}

/** A plugin by name: another package's from where the user is, ours from here. */
import { loadPlugin, type Plugin } from "@hessonite/core";

const ours: Readonly<Record<string, () => Promise<unknown>>> = {
  "@hessonite/influence": async () => (await import("@hessonite/influence")).influence,
  "@hessonite/laplace": async () => (await import("@hessonite/laplace")).laplace,
  "@hessonite/merge": async () => (await import("@hessonite/merge")).merge,
};

/** @throws {UsageError} if there is no such package, or it exports no plugin. */
export async function namedPlugin(name: string, from: string | undefined): Promise<Plugin> {
  const own = ours[name];
  if (own) return (await own()) as Plugin;
  return loadPlugin(name, from === undefined ? {} : { from });
}

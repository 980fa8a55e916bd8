/** Reshapes, by whatever operator: axes fall into parts, parts are put together. */
import type { Axes, Axis } from "../groups/atoms.ts";
import type { Rule, RuleContext } from "../groups/ruleContext.ts";
import { commonFactors, coordinate, type Factors } from "./factors.ts";

export const reshape: Rule = (c) => {
  const [x, after] = [c.axes(0), c.outShape(0)];
  if (!after) return [];
  const factors = commonFactors(c.shape(0), after);
  if (factors) return [joinedAxes(c, factors, partAxes(c, factors, x))];
  c.lockInput(0, `is cut across by ${c.node.opType} "${c.node.name}"`);
  return [];
};

/** The channels along each part. */
function partAxes(c: RuleContext, { lengths, before }: Factors, x: Axes): Axis[] {
  const parts = lengths.map((): Axis => null);
  before.forEach((own, axis) => {
    const channels = x[axis] ?? null;
    if (!channels || own.length === 0) return;
    splitAxis(
      c,
      axis,
      channels,
      own.map((part) => lengths[part]!),
    ).forEach((part, i) => {
      parts[own[i]!] = part;
    });
  });
  return parts;
}

function splitAxis(c: RuleContext, axis: number, channels: Int32Array, lengths: readonly number[]): Axis[] {
  if (lengths.length === 1) return [channels];
  const natural = lengths.findIndex((_, part) => dependsOnlyOn(c, channels, lengths, part));
  if (natural >= 0) return lengths.map((_, part) => (part === natural ? along(channels, lengths, part) : null));
  const offered: Int32Array[] = [];
  const chosen = c.partOf({ node: c.node, axis, lengths }, () => {
    offered.push(...lengths.map((length) => c.fresh(length)));
    return offered;
  });
  if (chosen === "explore") return offered;
  if (typeof chosen === "string") {
    c.lock(channels, chosen);
    return lengths.map(() => null);
  }
  const kept = along(channels, lengths, chosen);
  channels.forEach((atom, i) => {
    const at = coordinate(i, lengths, chosen);
    c.tie(kept.subarray(at, at + 1), Int32Array.of(atom));
  });
  return lengths.map((_, part) => (part === chosen ? kept : null));
}

/** True if the channels repeat: they are the same wherever the position along the part is. */
function dependsOnlyOn(c: RuleContext, channels: Int32Array, lengths: readonly number[], part: number): boolean {
  const first = along(channels, lengths, part);
  return channels.every((atom, i) => c.find(atom) === c.find(first[coordinate(i, lengths, part)]!));
}

/** The first atom at each position along the part. */
function along(channels: Int32Array, lengths: readonly number[], part: number): Int32Array {
  const inner = lengths.slice(part + 1).reduce((n, d) => n * d, 1);
  return Int32Array.from({ length: lengths[part]! }, (_, at) => channels[at * inner]!);
}

/** Parts put together: the channels of the one that has some are repeated along the others. Heads go before other channels. */
function joinedAxes(c: RuleContext, { lengths, after }: Factors, parts: readonly Axis[]): Axes {
  return after.map((own): Axis => {
    const headed = (part: number): number => Number(c.areHeads(parts[part] ?? null));
    const carriers = own
      .filter((part) => parts[part])
      .sort((a, b) => headed(b) - headed(a) || parts[b]!.length - parts[a]!.length);
    const [carrier, ...others] = carriers;
    if (carrier === undefined) return null;
    const count = own.reduce((n, part) => n * lengths[part]!, 1);
    if (others.length > 0 && c.exploring) return c.fresh(count);
    for (const other of others) c.lock(parts[other]!, `is put together with other channels by ${c.node.opType}`);
    const ownLengths = own.map((part) => lengths[part]!);
    const channels = parts[carrier]!;
    if (ownLengths.length === 1) return channels;
    const at = own.indexOf(carrier);
    return Int32Array.from({ length: count }, (_, i) => channels[coordinate(i, ownLengths, at)]!);
  });
}

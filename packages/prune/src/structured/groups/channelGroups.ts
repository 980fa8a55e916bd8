/**
 * The channels of a model: what has to go together when one goes, and what has to stay and why.
 *
 * Channels that occur along the same axes throughout the model are a group, named after the layers that make them. As long
 * as a channel of every group stays, no axis is left empty.
 */
import type { OnnxModel } from "@hessonite/core";
import type { Axis } from "./atoms.ts";
import { chooseSplits } from "./chooseSplits.ts";
import { type Propagation, propagate } from "./propagate.ts";
import type { LayerSide } from "./ruleContext.ts";
import { knownValues } from "./values.ts";

export interface ChannelGroup {
  /** The layers that make its channels: "layer1.conv1", "layer1.conv2 + layer2.conv2". */
  readonly name: string;
  /** Heads are channels whose positions are multiplied matrix by matrix. */
  readonly kind: "channels" | "heads";
  /** A number for each, which `ShrinkRequest.removed` takes. */
  readonly channels: readonly number[];
  readonly makers: readonly LayerSide[];
  readonly readers: readonly LayerSide[];
}

/** Channels of a layer that have to stay. */
export interface SkippedChannels {
  /** The layer that makes them. */
  readonly layer: string;
  readonly count: number;
  /** Why: "is normalised by LayerNormalization …". */
  readonly reason: string;
}

export interface ChannelGraph {
  readonly model: OnnxModel;
  readonly propagation: Propagation;
  readonly groups: readonly ChannelGroup[];
  readonly skipped: readonly SkippedChannels[];
}

/**
 * @param model As its file spells it (`readModelFile`).
 * @param shapes Shape of every model input.
 * @throws {UnsupportedModelError | MismatchError} if the model cannot be bound to the shapes.
 *
 * Cost: one pass over the graph, twice; no weight is read.
 *
 * @example
 * ```ts no-run
 * const { model } = await readModelFile("resnet.onnx");
 * for (const { name, channels } of channelGroups(model, { input: [1, 3, 224, 224] }).groups)
 *   console.log(name, channels.length);
 * ```
 */
export function channelGroups(model: OnnxModel, shapes: Readonly<Record<string, readonly number[]>>): ChannelGraph {
  const known = knownValues(model, shapes);
  const propagation = propagate(model, known, chooseSplits(model, known));
  const made = new Set(propagation.makers.flatMap(({ channels }) => rootsAlong(propagation, channels)));
  const bySignature = new Map<string, number[]>();
  for (const [root, signature] of signatures(propagation)) {
    if (!made.has(root) || propagation.atoms.reason(root) !== undefined) continue;
    bySignature.set(signature, [...(bySignature.get(signature) ?? []), root]);
  }
  const groups = [...bySignature.values()].map((channels) => groupOf(propagation, channels));
  return { model, propagation, groups: withOwnNames(groups), skipped: skippedOf(propagation) };
}

function rootsAlong({ atoms }: Propagation, axis: Axis): number[] {
  return axis ? Array.from(axis, atoms.find) : [];
}

/** Which axes each set occurs along, as two running hashes. */
function signatures(propagation: Propagation): ReadonlyMap<number, string> {
  const found = new Map<number, readonly [number, number]>();
  let place = 0;
  const visit = (axis: Axis): void => {
    if (!axis) return;
    place++;
    for (const root of new Set(rootsAlong(propagation, axis))) {
      const [a, b] = found.get(root) ?? [0, 0];
      found.set(root, [(Math.imul(a, 31) + place) | 0, (Math.imul(b, 1_000_003) ^ (place * 7919)) | 0]);
    }
  };
  for (const { axes } of propagation.uses) axes.forEach(visit);
  for (const axes of propagation.axes.values()) axes.forEach(visit);
  return new Map([...found].map(([root, [a, b]]) => [root, `${a} ${b}`]));
}

function groupOf(propagation: Propagation, channels: readonly number[]): ChannelGroup {
  const own = new Set(channels);
  const heads = new Set(propagation.headAtoms.map(propagation.atoms.find));
  const touching = (sides: readonly LayerSide[]): LayerSide[] =>
    sides.filter((side) => rootsAlong(propagation, side.channels).some((root) => own.has(root)));
  const makers = touching(propagation.makers);
  return {
    name: [...new Set(makers.map(({ node }) => node.name))].join(" + "),
    kind: channels.some((root) => heads.has(root)) ? "heads" : "channels",
    channels: [...channels].sort((a, b) => a - b),
    makers,
    readers: touching(propagation.readers),
  };
}

/** Groups of the same layers, as after a Split, are numbered. */
function withOwnNames(groups: readonly ChannelGroup[]): ChannelGroup[] {
  const seen = new Map<string, number>();
  return groups.map((group) => {
    const number = (seen.get(group.name) ?? 0) + 1;
    seen.set(group.name, number);
    return number === 1 ? group : { ...group, name: `${group.name} (${number})` };
  });
}

/** Layers in the graph's order, each reason once. */
function skippedOf({ makers, atoms }: Propagation): SkippedChannels[] {
  return makers.flatMap(({ node, channels }) => {
    const counts = new Map<string, number>();
    for (const atom of channels) {
      const reason = atoms.reason(atom);
      if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return [...counts].map(([reason, count]) => ({ layer: node.name, count, reason }));
  });
}

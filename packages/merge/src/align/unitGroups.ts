/**
 * The units of a model that may change places without the function changing: channels that the same layers make and read.
 *
 * They are the channels that pruning takes away, less those that a tensor which is not merged tells apart.
 */
import { type InitializerRole, initializerRoles, isParameterRole, type OnnxModel, type Tensor } from "@hessonite/core";
import { type ChannelGraph, channelGroups } from "@hessonite/prune";

/** Where a group's units stand along an axis of a stored tensor: the positions of each, as many for every unit. */
export interface Place {
  readonly tensor: string;
  readonly axis: number;
  readonly positions: readonly (readonly number[])[];
}

export interface UnitGroup {
  /** The layers that make its units. */
  readonly name: string;
  readonly units: number;
  readonly places: readonly Place[];
}

export interface ModelUnits {
  readonly groups: readonly UnitGroup[];
  /** Tensors that are merged: what units are told apart by. */
  readonly merged: ReadonlySet<string>;
}

/**
 * @param model As its file spells it (`readModelFile`).
 * @param shapes Shape of every model input.
 */
export function unitGroups(model: OnnxModel, shapes: Readonly<Record<string, readonly number[]>>): ModelUnits {
  const graph = channelGroups(model, shapes);
  const roles = initializerRoles(model);
  const named = (has: (role: InitializerRole["role"]) => boolean): Set<string> =>
    new Set(roles.filter(({ role }) => has(role)).map(({ initializer }) => initializer.name));
  const movable = named((role) => isParameterRole(role) || role === "normalisation statistic");
  const { placesOf, torn } = placesAlong(graph);
  const groups = graph.groups.flatMap(({ name, channels }): UnitGroup[] => {
    if (channels.length < 2 || channels.some((channel) => torn.has(channel))) return [];
    const places = placesOf(channels);
    const alike = places.every(({ positions }) => positions.every(({ length }) => length === positions[0]?.length));
    const free = places.every((place) => movable.has(place.tensor) || isUniform(graph, place));
    return alike && free ? [{ name, units: channels.length, places }] : [];
  });
  return { groups, merged: named(isParameterRole) };
}

type Roots = readonly (number | null)[];

/** Every stored tensor's axes by the channels along them, and the channels of tensors that two nodes see differently. */
function placesAlong({ propagation }: ChannelGraph): {
  readonly placesOf: (channels: readonly number[]) => Place[];
  readonly torn: ReadonlySet<number>;
} {
  const { uses, atoms } = propagation;
  const seen = new Map<string, readonly Roots[]>();
  const torn = new Set<number>();
  for (const { name, axes } of uses) {
    const roots = axes.map((axis): Roots => (axis ? Array.from(axis, atoms.find) : []));
    const before = seen.get(name);
    if (before && JSON.stringify(before) !== JSON.stringify(roots)) {
      for (const root of [...before, ...roots].flat()) if (root !== null) torn.add(root);
    }
    seen.set(name, roots);
  }
  const placesOf = (channels: readonly number[]): Place[] => {
    const number = new Map(channels.map((channel, unit) => [channel, unit]));
    return [...seen].flatMap(([tensor, axes]) =>
      axes.flatMap((roots, axis): Place[] => {
        const positions = channels.map((): number[] => []);
        roots.forEach((root, at) => {
          if (root !== null) positions[number.get(root) ?? -1]?.push(at);
        });
        return positions.some(({ length }) => length > 0) ? [{ tensor, axis, positions }] : [];
      }),
    );
  };
  return { placesOf, torn };
}

/** Whether a tensor is the same for every unit, so that it need not move with them. */
function isUniform({ propagation }: ChannelGraph, place: Place): boolean {
  const stored = propagation.stored(place.tensor);
  if (!stored) return false;
  const [first = [], ...others] = slicesAlong(stored, place);
  return others.every((slice) => slice.every((x, k) => x === first[k]));
}

/** What a tensor holds of each unit: at its positions along the axis, in the order of the other axes. */
export function slicesAlong({ shape, data }: Tensor, { axis, positions }: Place): number[][] {
  const length = shape[axis] ?? 1;
  const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const outer = data.length / (length * inner);
  return positions.map((own) => {
    const slice: number[] = [];
    for (let o = 0; o < outer; o++)
      for (const at of own) for (let i = 0; i < inner; i++) slice.push(data[(o * length + at) * inner + i] ?? 0);
    return slice;
  });
}

/** The tensor with what it holds of unit `order[i]` in the place of unit i. */
export function reordered(tensor: Tensor, { axis, positions }: Place, order: ArrayLike<number>): Tensor {
  const { shape } = tensor;
  const length = shape[axis] ?? 1;
  const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const source = Array.from({ length }, (_, at) => at);
  positions.forEach((own, unit) => {
    own.forEach((at, k) => {
      source[at] = positions[order[unit] ?? 0]?.[k] ?? at;
    });
  });
  const data = tensor.data.slice();
  for (let from = 0; from < data.length; from += length * inner) {
    for (const [at, other] of source.entries()) {
      if (at !== other)
        data.set(tensor.data.subarray(from + other * inner, from + (other + 1) * inner) as never, from + at * inner);
    }
  }
  return { ...tensor, data } as Tensor;
}

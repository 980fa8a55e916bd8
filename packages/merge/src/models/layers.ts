/** Layers by name: parameters with one prefix (name up to the last dot) are one layer. */
import type { ParameterSpace } from "@hessonite/core";

/** Where a tensor stands: its name, its layer, and its depth from 0 (first layer) to 1 (last). */
export interface Place {
  readonly name: string;
  readonly layer: string;
  readonly depth: number;
}

/** In the model's order. */
export function placesOf(names: readonly string[]): Place[] {
  const prefix = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf("."))) || name;
  const layers = [...new Set(names.map(prefix))];
  return names.map((name) => ({
    name,
    layer: prefix(name),
    depth: layers.length < 2 ? 0 : layers.indexOf(prefix(name)) / (layers.length - 1),
  }));
}

export interface Layer {
  readonly layer: string;
  /** Numbers of its parameters. */
  readonly parameters: readonly number[];
}

export function layersOf({ parameters }: ParameterSpace): Layer[] {
  const places = placesOf(parameters.map(({ name }) => name));
  const names = [...new Set(places.map(({ layer }) => layer))];
  return names.map((layer) => ({
    layer,
    parameters: places.flatMap((place, i) => (place.layer === layer ? [i] : [])),
  }));
}

/** A matrix as a node takes it: stored, or turned by a Transpose first, as exporters write a Linear that they do not fold. */
import type { OnnxModel, OnnxNode } from "@hessonite/core";

export interface TakenMatrix {
  /** The stored tensor. */
  readonly name: string;
  /** As the node takes it. */
  readonly shape: readonly [number, number];
  /** Whether it is stored the other way round. */
  readonly turned: boolean;
}

/** Undefined for what is no stored matrix. @param makerOf The node that gives a value. */
export function takenMatrix(
  { initializers }: Pick<OnnxModel, "initializers">,
  name: string,
  makerOf: (value: string) => OnnxNode | undefined,
): TakenMatrix | undefined {
  const stored = initializers.get(name);
  if (stored) {
    const [rows, columns] = stored.shape;
    return stored.shape.length === 2 ? { name, shape: [rows!, columns!], turned: false } : undefined;
  }
  const maker = makerOf(name);
  if (maker?.domain !== "" || (maker.opType !== "Transpose" && maker.opType !== "Identity")) return undefined;
  const inner = takenMatrix({ initializers }, maker.inputs[0] ?? "", makerOf);
  if (!inner || maker.opType === "Identity") return inner;
  const perm = maker.attrs["perm"];
  if (perm?.kind === "ints" && `${perm.value}` === "0,1") return inner;
  return { name: inner.name, shape: [inner.shape[1], inner.shape[0]], turned: !inner.turned };
}

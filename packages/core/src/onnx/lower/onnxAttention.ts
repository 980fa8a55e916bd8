/** ONNX's own Attention (opsets 23 to 25) and RotaryEmbedding. */
import type { Value } from "../../ir/graph.ts";
import { attend, lengthMask, mergeHeads, reachMask, splitHeads } from "./attention.ts";
import type { Lowering, LoweringContext } from "./context.ts";
import { rotate } from "./rotary.ts";

const attention: Lowering = (c) => {
  const { g } = c;
  const merged = c.need(0).shape.length === 3;
  const heads = (i: number, count: number): Value => (merged ? splitHeads(c, c.need(i), count) : c.need(i));
  const kvHeads = c.int("kv_num_heads", 0);
  const q = heads(0, c.int("q_num_heads", 0));
  const [k, v] = [withPast(c, heads(1, kvHeads), 4), withPast(c, heads(2, kvHeads), 5)];
  const { y, stages } = attend(
    c,
    { q, k, v },
    {
      scale: "scale" in c.node.attrs ? c.float("scale", 1) : undefined,
      softcap: c.float("softcap", 0),
      masks: masksOf(c, q, k),
    },
  );
  return [
    merged ? mergeHeads(c, y) : y,
    k,
    v,
    g.broadcastTo(stages[c.int("qk_matmul_output_mode", 0)]!, stages[0].shape),
  ];
};

/** Keys or values of earlier calls come first. */
function withPast(c: LoweringContext, now: Value, at: number): Value {
  const past = c.input(at);
  return past ? c.g.concat([past, now], 2) : now;
}

function masksOf(c: LoweringContext, q: Value, k: Value): Value[] {
  const { g } = c;
  const [queries, keys] = [q.shape[2]!, k.shape[2]!];
  const lengths = c.input(6);
  const past = c.input(4);
  const given = c.input(3);
  const offset = past
    ? past.shape[2]!
    : lengths
      ? g.sub(g.reshape(g.cast(lengths, "int64"), [lengths.shape[0]!, 1, 1, 1]), queries)
      : 0;
  const reach = {
    causal: c.int("is_causal", 0) !== 0,
    left: c.int("left_window_size", -1),
    right: c.int("right_window_size", -1),
  };
  const masks = [
    given && padMask(c, given, keys),
    reachMask(c, queries, keys, offset, reach),
    lengths && lengthMask(c, lengths, keys),
  ];
  return masks.filter((mask) => mask !== undefined);
}

/** Keys beyond a mask that is too short are not seen. */
function padMask({ g }: LoweringContext, mask: Value, keys: number): Value {
  const rank = mask.shape.length;
  const missing = keys - mask.shape[rank - 1]!;
  if (missing <= 0 || mask.shape[rank - 1] === 1) return mask;
  const after = mask.shape.map((_, i) => (i === rank - 1 ? missing : 0));
  return g.pad(
    mask,
    mask.shape.map(() => 0),
    after,
    mask.dtype === "bool" ? 0 : Number.NEGATIVE_INFINITY,
  );
}

/** Inputs: x, cos, sin, and the positions by which the caches are looked up (else they have a row an example and step). */
const rotaryEmbedding: Lowering = (c) => {
  const { g } = c;
  const given = c.need(0);
  const merged = given.shape.length === 3;
  const x = merged ? splitHeads(c, given, c.int("num_heads", 0)) : given;
  const positions = c.input(3);
  const [cos, sin] = [c.need(1), c.need(2)].map((cache) => (positions ? g.gather(cache, positions, 0) : cache)) as [
    Value,
    Value,
  ];
  const y = rotate(c, x, cos, sin, {
    width: c.int("rotary_embedding_dim", 0),
    interleaved: c.int("interleaved", 0) !== 0,
  });
  return merged ? mergeHeads(c, y) : y;
};

export const attentions: Readonly<Record<string, Lowering>> = {
  Attention: attention,
  RotaryEmbedding: rotaryEmbedding,
};

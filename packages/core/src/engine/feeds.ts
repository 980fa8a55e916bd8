/** What every engine checks of what it is fed. */
import { MismatchError, UsageError } from "../errors.ts";
import type { InputValue } from "../ir/graph.ts";
import { sameShape, showShape } from "../ir/shape.ts";
import type { Feed } from "./engine.ts";

/** The feed of every input, in order. */
export function feedsInOrder(inputs: readonly InputValue[], feeds: ReadonlyMap<InputValue, Feed>): Feed[] {
  return inputs.map((input) => {
    const feed = feeds.get(input);
    if (!feed) throw new UsageError("Cannot run the program as an input is not fed", { at: `input "${input.name}"` });
    if ("shape" in feed && !sameShape(feed.shape, input.shape)) {
      throw new MismatchError("Cannot run the program as a feed has another shape than its input", {
        at: `input "${input.name}"`,
        expected: showShape(input.shape),
        found: showShape(feed.shape),
      });
    }
    return feed;
  });
}

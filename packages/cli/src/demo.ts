/**
 * `npm run demo [-- section …]`: the main jobs on models that were trained on real digits, each shown as the command line that
 * does it.
 */
import { influence } from "./demo/influence.ts";
import { laplace } from "./demo/laplace.ts";
import { merge } from "./demo/merge.ts";
import { prune } from "./demo/prune.ts";
import { spectrum } from "./demo/spectrum.ts";
import { demoStage, type Section } from "./demo/stage.ts";

const sections = { spectrum, influence, merge, laplace, prune } satisfies Record<string, Section>;

const stage = demoStage();
const asked = process.argv.slice(2).filter((word) => word in sections);
for (const [name, section] of Object.entries(sections)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const code = await section(stage);
  if (code === 0) continue;
  process.exitCode = code;
  break;
}

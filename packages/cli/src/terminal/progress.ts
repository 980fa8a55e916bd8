/** Progress of long work: a bar where a person watches, nothing elsewhere. */
import cliProgress from "cli-progress";
import type { Terminal } from "./terminal.ts";

export interface Progress {
  /** Runs `work`, showing how many of about `total` steps it has done. */
  stage<T>(title: string, total: number, work: (done: (steps: number) => void) => Promise<T>): Promise<T>;
}

const format = "{title} {bar} {value} of {total} · {duration_formatted}";
const titleWidth = 28;

export function progressOn({ interactive }: Terminal): Progress {
  if (!interactive) return { stage: (_title, _total, work) => work(() => undefined) };
  return {
    async stage(title, total, work) {
      const bar = new cliProgress.SingleBar(
        { format, clearOnComplete: true, hideCursor: true, stream: process.stderr, barsize: 30 },
        cliProgress.Presets.shades_classic,
      );
      bar.start(Math.max(1, total), 0, { title: title.padEnd(titleWidth) });
      try {
        return await work((steps) => {
          bar.setTotal(Math.max(bar.getTotal(), steps));
          bar.update(steps);
        });
      } finally {
        bar.stop();
      }
    },
  };
}

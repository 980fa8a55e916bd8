/**
 * Channel pruning of the residual network as a table: pnpm bench channels. Writes bench/results/channels.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { ortNodeEngine } from "@hessonite/core";
import { type ChannelRow, channelMethods, channelStudy } from "./channelStudy.ts";

await using engine = ortNodeEngine();
const study = await channelStudy(engine);
const { dense } = study;
console.log(`dense: ${dense.accuracy.toFixed(2)} %, loss ${dense.loss.toFixed(4)}, ${dense.bytes} bytes`);
console.log(`${"".padEnd(40)} acc. %   loss  FLOPs  weights   bytes  latency ×1  ×32  channels`);
const rows: ChannelRow[] = [];
const results = new URL("results/", import.meta.url);
mkdirSync(results, { recursive: true });
const environment = { cpu: cpus()[0]?.model ?? "unknown", node: process.version, threads: 1 };
for (const method of channelMethods) {
  const row = await study.row(method);
  rows.push(row);
  const factors = [row.flops, row.parameters].map((x) => `${x.toFixed(2)}x`.padStart(7)).join(" ");
  const latency = [1, 32].map((n) => `${row.latency[n]!.ratio.toFixed(2)}x`.padStart(6)).join(" ");
  console.log(
    `${row.name.padEnd(40)} ${row.accuracy.toFixed(2)} ${row.loss.toFixed(4)} ${factors} ${`${row.bytes}`.padStart(8)} ${latency}  ${row.channels.join(" ")}`,
  );
  const text = JSON.stringify({ environment, dense, rows }, undefined, 2);
  writeFileSync(new URL("channels.json", results), `${text}\n`);
}

/** `npm run demo`: sets up, then runs the main jobs on real input and shows the results. */
import { launch } from "./launch.mjs";

await launch("packages/cli/dist/demo.js", process.argv.slice(2), 1);

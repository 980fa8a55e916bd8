/** `npm run -s hessonite -- …`: the command line from a clone, set up first if it has not been. */
import { launch } from "./launch.mjs";

await launch("packages/cli/dist/main.js", process.argv.slice(2));

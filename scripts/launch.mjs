/**
 * Runs a built program of the repository as if the caller had started it where the caller is.
 *
 * It runs in this process, so exit codes, signals and standard input are the program's own.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setUp } from "./setup.mjs";
import { root } from "./workspace.mjs";

/**
 * Sets up if needed, then runs `entry` (a repository path) with `args`.
 * Set-up talks on `setupOutput`: 2 keeps stdout clean for the program's own output.
 */
export async function launch(entry, args, setupOutput = 2) {
  if (process.env.npm_lifecycle_event !== undefined) endWithParent();
  setUp(setupOutput);
  const caller = process.env.INIT_CWD; // npm and pnpm start scripts in the repository and leave the caller's folder here
  if (caller !== undefined && process.cwd() === root) process.chdir(caller);
  const path = join(root, entry);
  const own = args[0] === "--" ? args.slice(1) : args; // pnpm hands its separator on, npm does not
  process.argv = [process.execPath, path, ...own];
  await import(pathToFileURL(path).href);
}

/** npm passes a signal to the shell between it and us, which dies of it alone: its end is our signal. */
function endWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 250);
  watch.unref();
}

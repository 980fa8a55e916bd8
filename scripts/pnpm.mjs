/**
 * Runs pnpm on a machine that has only Node and npm.
 *
 * npx fetches exactly the version that `packageManager` names, and puts it on the PATH of what it starts, where turbo looks for it.
 */
import { spawnSync } from "node:child_process";
import { readJson, root } from "./workspace.mjs";

/**
 * Runs `pnpm …args` in the repository and returns its exit status (1 if it could not be started).
 * Its output goes to file descriptor `output`: 1, or 2 where stdout belongs to a program.
 */
export function pnpm(args, output = 1) {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", ONNXRUNTIME_NODE_INSTALL: "skip" };
  delete env.npm_config_loglevel; // `npm run -s` would silence errors too
  const { status } = spawnSync("npx", ["-y", readJson("package.json").packageManager, ...args], {
    cwd: root,
    env,
    stdio: ["ignore", output, 2],
    shell: process.platform === "win32", // npx is a .cmd file there
  });
  return status ?? 1;
}

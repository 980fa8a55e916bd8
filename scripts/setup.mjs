/**
 * Makes a clone ready to run: installs what the lockfile names and builds the packages.
 *
 * Needs Node and npm only. Does nothing, in a few hundredths of a second, if neither the lockfile nor a source has
 * changed since the last time; what it saw then is kept in `node_modules/.hessonite-setup.json`.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { pnpm } from "./pnpm.mjs";
import { filesUnder, isTest, packages, root } from "./workspace.mjs";

const stampFile = join(root, "node_modules/.hessonite-setup.json");

/** Installs and builds what is not up to date. Says what it does on file descriptor `output`; ends the process if a step fails. */
export function setUp(output = 1) {
  const say = (line) => writeSync(output, `set-up: ${line}\n`);
  const found = packages();
  const now = { install: installHash(found), build: buildHash(found) };
  const before = readStamp();

  if (before.install !== now.install) {
    say(
      "installing the packages in pnpm-lock.yaml from the npm registry (once; some 650 MB on disk, nothing else is fetched)",
    );
    finish(
      pnpm(["install", "--frozen-lockfile"], output),
      "the installation failed",
      "check the network, then try again",
    );
    writeStamp({ install: now.install });
  }
  const built = found.every(({ dir }) => existsSync(join(root, dir, "dist")));
  if (before.install !== now.install || before.build !== now.build || !built) {
    say(`building ${found.map(({ name }) => name).join(", ")}`);
    finish(
      pnpm(["exec", "turbo", "run", "build", "--output-logs=errors-only"], output),
      "the build failed",
      "see above",
    );
    writeStamp(now);
    say("ready");
  }
}

/** A digest of everything that decides what is in node_modules. */
const installHash = (found) =>
  hash(["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", ...found.map(({ dir }) => `${dir}/package.json`)]);

/** A digest of everything that decides what is in the dist folders. */
const buildHash = (found) =>
  hash([
    "tsconfig.base.json",
    "scripts/copy-assets.mjs",
    ...found.flatMap(({ dir }) => [`${dir}/tsconfig.json`, `${dir}/tsconfig.build.json`]),
    ...found.flatMap(({ dir }) => filesUnder(`${dir}/src`)).filter((path) => !isTest(path)),
  ]);

function hash(paths) {
  const digest = createHash("sha256").update(`${process.platform} ${process.arch} ${process.versions.modules}`);
  for (const path of paths) {
    digest.update(`\0${path}\0`);
    if (existsSync(join(root, path))) digest.update(readFileSync(join(root, path)));
  }
  return digest.digest("hex");
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, "utf8"));
  } catch {
    return {}; // never set up, or interrupted while writing
  }
}

const writeStamp = (stamp) => writeFileSync(stampFile, JSON.stringify(stamp));

function finish(status, problem, advice) {
  if (status === 0) return;
  writeSync(2, `set-up: Cannot go on as ${problem}\n  try       ${advice}\n`);
  process.exit(status);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  setUp();
  console.log("set-up: up to date");
}

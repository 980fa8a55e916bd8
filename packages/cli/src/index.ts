/**
 * @hessonite/cli: the command line as a function, for tests and for programs that embed it.
 */
export { runCommandLine } from "./commandLine.ts";
export { type Capture, captureTerminal } from "./terminal/capture.ts";
export type { Terminal } from "./terminal/terminal.ts";

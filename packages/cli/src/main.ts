#!/usr/bin/env node
/** The program `hessonite`. */
import { runCommandLine } from "./commandLine.ts";
import { cancelOnSignals } from "./terminal/signals.ts";
import { processTerminal } from "./terminal/terminal.ts";

process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal(), cancelOnSignals());

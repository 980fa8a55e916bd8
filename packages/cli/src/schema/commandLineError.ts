/** What is wrong with the words on a command line or the keys of a configuration file: exit code 2. */
import { UsageError } from "@hessonite/core";

export class CommandLineError extends UsageError {}

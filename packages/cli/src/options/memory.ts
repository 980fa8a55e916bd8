/** How much memory may be spent on what only makes things faster. */
import { z } from "zod";

const units: Readonly<Record<string, number>> = { "": 2 ** 20, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 };

/** Bytes from `512MiB`, `4GiB`, or a number of MiB. */
const size = z
  .union([z.number(), z.string()])
  .default("1GiB")
  .transform((given, context): number => {
    const [, digits, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([kmg]i?b)?\s*$/i.exec(String(given)) ?? [];
    const factor = units[unit.toUpperCase().replace(/^([KMG])B$/, "$1IB")];
    const bytes = Number(digits) * (factor ?? Number.NaN);
    if (bytes > 0) return Math.floor(bytes);
    context.addIssue({ code: "custom", message: "a size such as 512MiB or 4GiB, or a number of MiB" });
    return z.NEVER;
  });

export const memoryOptions = {
  maxMemory: size.describe(
    "memory for kept batches, residuals and columns, beside what one product of one batch takes: 512MiB, 4GiB",
  ),
};

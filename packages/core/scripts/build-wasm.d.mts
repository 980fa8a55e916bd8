/** The compiled module, as the text of bytes.mjs. */
export function buildKernels(): Promise<string>;

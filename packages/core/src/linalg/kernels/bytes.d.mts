/** The compiled kernels, in base64. */
export const bytes: string;

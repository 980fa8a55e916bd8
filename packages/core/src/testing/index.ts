/** Tools for testing what is built on Hessonite: rules, operators, engines. They throw plain errors. */
export { checkDerivatives, type DerivativeCheck } from "./checkDerivatives.ts";
export { checkOperator, type OperatorCheck } from "./checkOperator.ts";
export { expectClose } from "./expectClose.ts";
export type { Sample, SampleInput } from "./sample.ts";
export { type Tolerance, tolerances } from "./tolerance.ts";

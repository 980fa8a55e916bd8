/** A data file as plugins are told of it. */
import type { DatasetFile } from "@hessonite/core";
import { dataOptions } from "./data.ts";

/** What commands with several data files are told, once for all of the files. */
export const dataFileOptions = { target: dataOptions.target, mask: dataOptions.mask, scale: dataOptions.scale };

export interface DataFileOptions {
  readonly target?: string | undefined;
  readonly mask?: string | undefined;
  readonly scale?: DatasetFile["scale"] | undefined;
  readonly batchSize: number;
}

/** Rows from `start` to before `end`, which may be infinite. */
export interface Rows {
  readonly start: number;
  readonly end: number;
}

export function datasetFile(options: DataFileOptions, file: string, rows?: Rows): DatasetFile {
  const { target, mask, scale, batchSize } = options;
  return {
    file,
    batchSize,
    ...(target && { target }),
    ...(mask && { mask }),
    ...(scale !== undefined && { scale }),
    ...(rows && { rows: { start: rows.start, ...(Number.isFinite(rows.end) && { end: rows.end }) } }),
  };
}

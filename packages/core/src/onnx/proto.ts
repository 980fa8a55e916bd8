/** ONNX's message classes. onnx-proto is CommonJS, so they come by its default export; types are imported where needed. */
import proto, { type onnx } from "onnx-proto";

export const messages: typeof onnx = proto.onnx;

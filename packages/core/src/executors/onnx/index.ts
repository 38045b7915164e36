export { type ExportOnnxOptions, exportOnnx, exportOnnxParts, recordOnnx } from './export.js';
export {
  ONNX_OPSET,
  type OnnxAttributes,
  type OnnxConstant,
  OnnxGraph,
  type OnnxNode,
  type OnnxValue,
} from './graph.js';
export { OnnxOps } from './ops.js';
export * as primitives from './primitives.js';
export { ProtobufWriter } from './protobuf.js';

/** Operators that we know and do not take, each with the reason that the error gives. */
const quantised = "the model is quantised: rounding has no useful derivative (export the float model)";
const random = "its output is random";
const shaped = "the shape of its output depends on the data";
const trees = "tree ensembles are piecewise constant: they have no curvature";
const text = "strings are not supported";

const reasons: Readonly<Record<string, string>> = {
  ConvInteger: quantised,
  DequantizeLinear: quantised,
  DynamicQuantizeLinear: quantised,
  MatMulInteger: quantised,
  QLinearConv: quantised,
  QLinearMatMul: quantised,
  QuantizeLinear: quantised,
  "com.microsoft:DequantizeLinear": quantised,
  "com.microsoft:DynamicQuantizeMatMul": quantised,
  "com.microsoft:MatMulIntegerToFloat": quantised,
  "com.microsoft:MatMulNBits": quantised,
  "com.microsoft:QAttention": quantised,
  "com.microsoft:QLinearAdd": quantised,
  "com.microsoft:QuantizeLinear": quantised,

  Bernoulli: random,
  Multinomial: random,
  RandomNormal: random,
  RandomNormalLike: random,
  RandomUniform: random,
  RandomUniformLike: random,

  NonMaxSuppression: shaped,
  Unique: shaped,
  RoiAlign: "its regions depend on the data",
  MaxRoiPool: "its regions depend on the data",

  RegexFullMatch: text,
  StringConcat: text,
  StringNormalizer: text,
  StringSplit: text,
  TfIdfVectorizer: text,
  "ai.onnx.ml:LabelEncoder": text,

  "ai.onnx.ml:TreeEnsemble": trees,
  "ai.onnx.ml:TreeEnsembleClassifier": trees,
  "ai.onnx.ml:TreeEnsembleRegressor": trees,
  "ai.onnx.ml:SVMClassifier": "support vector machines are not supported",
  "ai.onnx.ml:SVMRegressor": "support vector machines are not supported",
};

/** Why an operator without a lowering is refused, to follow "as". */
export function refusalOf(key: string): string {
  return reasons[key] ?? "it is not supported";
}

/** Keys of the operators that are refused on purpose. */
export const refused: readonly string[] = Object.keys(reasons);

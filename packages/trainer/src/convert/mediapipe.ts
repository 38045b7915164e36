/** MediaPipe's detectors and face mesh as weights of the networks that core has of them. */
import { type HostTensor, sizeOf, type WeightMap, WeightsInvalidError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { readTflite, TFLITE_OPERATOR, type TfliteModel, tfliteConstants } from './tflite.js';

/** Where MediaPipe's packages keep a network: a TFLite file, or a part of a file of several. */
export interface MediaPipeSource {
  readonly package: string;
  readonly file: string;
  /** The part of the file that is the TFLite model; all of it where absent. */
  readonly part?: readonly [start: number, end: number];
  /** Lower-case hexadecimal SHA-256 of the model. */
  readonly sha256: string;
}

/** Sources of the networks, all Apache-2.0 on npm. */
export const MEDIAPIPE_SOURCES = {
  'blazeface-short': {
    package: '@mediapipe/face_detection',
    file: 'face_detection_short_range.tflite',
    sha256: '3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633',
  },
  'blazeface-full': {
    package: '@mediapipe/face_detection',
    file: 'face_detection_full_range.tflite',
    sha256: '99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3',
  },
  'face-mesh': {
    package: '@mediapipe/face_mesh',
    file: 'face_mesh_solution_packed_assets.data',
    part: [2_495_952, 3_737_848],
    sha256: 'c603fa6149219a3e9487dc9abd7a0c24474c77263273d24868378cdf40aa26d1',
  },
} as const satisfies Readonly<Record<string, MediaPipeSource>>;

/** A network that MediaPipe's packages have the weights of. */
export type MediaPipeNetwork = keyof typeof MEDIAPIPE_SOURCES;

/** Our name of a layer by the name of the file's operation that is this layer. */
type LayerNames = ReadonlyMap<string, string>;

/** Keras numbers its layers from nothing: `conv2d`, `conv2d_1` ... */
const numbered = (name: string, number: number): string => (number === 0 ? name : `${name}_${number}`);

/** Blocks of one depthwise and one pointwise convolution. */
function namesOfShortRange(): LayerNames {
  const names = new Map([['conv2d', 'stem']]);
  for (let block = 0; block < 16; block++) {
    names.set(numbered('depthwise_conv2d', block), `blocks.${block}.depthwise`);
    names.set(numbered('conv2d', block + 1), `blocks.${block}.pointwise`);
  }
  for (const [level, stride] of [8, 16].entries()) {
    names.set(`classificator_${stride}`, `heads.${level}.scores`);
    names.set(`regressor_${stride}`, `heads.${level}.boxes`);
  }
  return names;
}

/** Blocks of two depthwise and two pointwise convolutions; on the way up two more pointwise ones before them. */
function namesOfFullRange(): LayerNames {
  const names = new Map([['conv2d', 'stem']]);
  let depthwise = 0;
  let pointwise = 1;
  const block = (name: string) => {
    for (const half of [1, 2]) {
      names.set(numbered('depthwise_conv2d', depthwise++), `${name}.depthwise${half}`);
      names.set(numbered('conv2d', pointwise++), `${name}.pointwise${half}`);
    }
  };
  for (const [stage, blocks] of [2, 3, 3, 3, 4].entries()) {
    for (let b = 0; b < blocks; b++) block(`stages.${stage}.${b}`);
  }
  for (const [step, blocks] of [2, 2, 1].entries()) {
    names.set(numbered('conv2d', pointwise++), `fused.${step}.top`);
    names.set(numbered('conv2d', pointwise++), `fused.${step}.lateral`);
    for (let b = 0; b < blocks; b++) block(`fused.${step}.blocks.${b}`);
  }
  names.set('classifier_face_4', 'heads.0.scores');
  names.set('regressor_face_4', 'heads.0.boxes');
  return names;
}

/** Blocks of a depthwise and a pointwise convolution and a PReLU; layers are numbered from one, presence's after a gap. */
function namesOfFaceMesh(): LayerNames {
  const names = new Map([
    ['conv2d_1', 'stem'],
    ['p_re_lu_1', 'stem'],
  ]);
  const block = (name: string, depthwise: number, pointwise: number, prelu: number) => {
    names.set(`depthwise_conv2d_${depthwise}`, `${name}.depthwise`);
    names.set(`conv2d_${pointwise}`, `${name}.pointwise`);
    names.set(`p_re_lu_${prelu}`, `${name}.prelu`);
  };
  let number = 1;
  for (const [stage, blocks] of [2, 3, 3, 3, 3].entries()) {
    for (let b = 0; b < blocks; b++, number++) block(`stages.${stage}.${b}`, number, number + 1, number + 1);
  }
  for (let b = 0; b < 3; b++, number++) block(`landmarks.blocks.${b}`, number, number + 1, number + 1);
  names.set('conv2d_19', 'landmarks.squeeze').set('p_re_lu_19', 'landmarks.squeeze');
  block('landmarks.last', 18, 20, 20);
  names.set('conv2d_21', 'landmarks.out');
  block('presence.blocks.0', 23, 28, 26);
  names.set('conv2d_29', 'presence.squeeze').set('p_re_lu_27', 'presence.squeeze');
  block('presence.last', 24, 30, 28);
  names.set('conv2d_31', 'presence.out');
  return names;
}

const NAMES: Readonly<Record<MediaPipeNetwork, () => LayerNames>> = {
  'blazeface-short': namesOfShortRange,
  'blazeface-full': namesOfFullRange,
  'face-mesh': namesOfFaceMesh,
};

/**
 * The weights of one of MediaPipe's networks by the names that core has for them.
 *
 * @param file the TFLite model
 * @throws {WeightsInvalidError} if the file is damaged, or is another network
 */
export function mediaPipeWeights(network: MediaPipeNetwork, file: Uint8Array): WeightMap {
  const model = readTflite(file);
  const constants = tfliteConstants(model);
  const weights = new Map<string, HostTensor>();
  const read = (number: number | undefined): HostTensor => {
    const tensor = number === undefined ? undefined : constants.get(number);
    if (!tensor) throw new WeightsInvalidError(`The TFLite file of ${network} computes a weight.`);
    return tensor;
  };
  for (const [operation, layer] of NAMES[network]()) {
    for (const { code, inputs } of operatorsCalled(model, operation)) {
      if (code === TFLITE_OPERATOR.prelu) {
        const { data } = read(inputs[1]);
        weights.set(`${layer}.slope`, { shape: [data.length], data });
        continue;
      }
      weights.set(`${layer}.weight`, convolutionWeight(read(inputs[1]), code === TFLITE_OPERATOR.depthwiseConv2d));
      weights.set(`${layer}.bias`, read(inputs[2]));
    }
    if (!weights.has(`${layer}.weight`) && !weights.has(`${layer}.slope`)) {
      throw new WeightsInvalidError(`This TFLite file is not ${network}: it has no operation "${operation}".`);
    }
  }
  return weights;
}

/** The operations with weights whose result has that name. */
function operatorsCalled({ tensors, operators }: TfliteModel, name: string) {
  const { conv2d, depthwiseConv2d, prelu } = TFLITE_OPERATOR;
  const weighted: readonly number[] = [conv2d, depthwiseConv2d, prelu];
  return operators.filter(
    ({ code, outputs: [output] }) => weighted.includes(code) && output !== undefined && tensors[output]?.name === name,
  );
}

/** [O, kh, kw, I], or [1, kh, kw, C] of a depthwise one -> [O, I, kh, kw]; 1x1 is a matrix [O, I]. */
function convolutionWeight({ shape, data }: HostTensor, depthwise: boolean): HostTensor {
  const [first, height, width, last] = shape;
  if (first === undefined || height === undefined || width === undefined || last === undefined) {
    throw new WeightsInvalidError(`A convolution of the TFLite file has weights of the shape [${shape}].`);
  }
  const [outputs, inputs] = depthwise ? [last, 1] : [first, last];
  const taps = height * width;
  const turned = new Float32Array(data.length);
  for (let o = 0, to = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let tap = 0; tap < taps; tap++, to++) {
        turned[to] = at(data, depthwise ? tap * outputs + o : (o * taps + tap) * inputs + i);
      }
    }
  }
  const matrix = taps === 1 && !depthwise;
  const result: HostTensor = { shape: matrix ? [outputs, inputs] : [outputs, inputs, height, width], data: turned };
  if (sizeOf(result.shape) !== data.length) throw new WeightsInvalidError('A convolution has weights of another size.');
  return result;
}

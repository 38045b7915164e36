import {
  type HostTensor,
  type Network,
  networkOf,
  PRESETS,
  RECOGNITION,
  selectOutputs,
  type WeightMap,
} from '@swinface/core';
import { blazeFaceNetwork, faceMeshNetwork, mobileFaceNetwork } from '@swinface/core/convolutional';
import { WasmEngine } from '@swinface/core/wasm';
import { WebGpuEngine } from '@swinface/core/webgpu';
import { expectAllClose, syntheticInput, syntheticTensor, syntheticWeights } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isConvolutional, lower, type Plan } from '../../src/executors/webgpu/lower.js';
import * as convolutional from '../../src/executors/webgpu/lower-convolutional.js';
import { Program } from '../../src/executors/webgpu/program.js';
import type { Storage } from '../../src/executors/webgpu/storage.js';
import { prefer } from '../../src/executors/webgpu/variants.js';
import { fuse } from '../../src/graph/fuse.js';
import { type Node, RecordingOps } from '../../src/graph/graph.js';
import { CASES, type Case, FLOAT32, referenceOf, runCase } from '../ops/cases.js';
import { FUSIONS } from '../ops/fusions.js';
import { rounded, testDevice } from './harness.js';

let device: GPUDevice;
beforeAll(async () => {
  device = await testDevice();
});
afterAll(() => device.destroy());

/** The case's first tensor is the network's input, the others are its weights. */
function planOf(run: Case, storage: Storage): { plan: Plan; input: HostTensor } {
  const ops = new RecordingOps();
  const made: HostTensor[] = [];
  const nodes: Node[] = [];
  const output = runCase(run, ops, (tensor, label) => {
    nodes.push(made.length === 0 ? ops.input(tensor.shape) : ops.constant(tensor, label));
    made.push(tensor);
    return nodes[nodes.length - 1] as Node;
  });
  const [input, [node]] = [made[0] as HostTensor, nodes as [Node]];
  const maxFaces = input.shape[0] ?? 1;
  return { plan: lower(node, [output], fuse([output]), { maxFaces, storage }, convolutional), input };
}

/** Rows filled up to whole vectors of four, as kernels want them; pictures stay as they are. */
function filledUp({ shape, data }: HostTensor): Float32Array<ArrayBuffer> {
  const width = shape[shape.length - 1] ?? 1;
  const stride = shape.length === 4 ? width : 4 * Math.ceil(width / 4);
  const rows = new Float32Array((data.length / width) * stride);
  data.forEach((value, i) => {
    rows[Math.floor(i / width) * stride + (i % width)] = value;
  });
  return rows;
}

async function compute(run: Case, variant = '', storage: Storage = 'f32'): Promise<Float32Array> {
  const { plan, input } = planOf(run, storage);
  const program = await Program.compile(device, plan, prefer(device, variant));
  const rows = filledUp(input);
  try {
    // What a kernel leaves out is not a number from then on.
    await program.run(plan.maxFaces, () => device.queue.writeBuffer(program.input, 0, rows.slice().fill(Number.NaN)));
    const [output] = await program.run(plan.maxFaces, () => device.queue.writeBuffer(program.input, 0, rows));
    return output ?? new Float32Array();
  } finally {
    program.dispose();
  }
}

const variantsOf = (run: Case): string[] => [
  ...new Set(planOf(run, 'f32').plan.kernels.flatMap(({ variants }) => variants.map(({ name }) => name))),
];

/** Of the general cases those that convolutional networks are made of; the others have tests of their own. */
const OPERATIONS = Object.entries(CASES).filter(([name]) =>
  /^(imageTokens|convolution|prelu|silu|gelu|relu|maxPool|padChannels|resizeBilinear|squeezeExcite|pyramidMax|meanTokens|linear(?!, stacked))/.test(
    name,
  ),
);
const ALL = [...OPERATIONS, ...Object.entries(FUSIONS)];

test.each(ALL)('%s', async (_, run) => {
  expectAllClose(await compute(run), referenceOf(run).data, FLOAT32);
});

/**
 * One of each kernel that there is more than one way to compute, with sides that no block divides. Products are tried in
 * every way where their rows lie in one piece; here in one of each that gathers rows its own way.
 */
const MANY_WAYS = [
  { name: 'picture -> convolution 3x3 of stride 2 -> prelu, odd sides', ways: /^(alone8|quad8|split8|tile64x32)$/ },
  { name: 'depthwise 3x3 -> prelu, 42 channels', ways: /^block/ },
  { name: 'depthwise 3x3 of stride 2 -> silu, padding after', ways: /^block/ },
].flatMap(({ name, ways }) => {
  const run = FUSIONS[name] as Case;
  return variantsOf(run).flatMap((variant) => (ways.test(variant) ? [{ name, run, variant }] : []));
});

test.each(MANY_WAYS)('$name: $variant', async ({ run, variant }) => {
  expectAllClose(await compute(run, variant), referenceOf(run).data, FLOAT32);
});

const NETWORKS = [blazeFaceNetwork('short'), blazeFaceNetwork('full'), faceMeshNetwork(), mobileFaceNetwork()];

const weightsOf = (network: Network, storage: Storage): WeightMap =>
  new Map(
    [...network.tensors].map(([name, shape]) => [name, rounded(name, syntheticTensor(name, shape), storage)] as const),
  );

const pictureOf = ({ input: { channels, height, width } }: Network, count: number): Float32Array =>
  syntheticInput('picture', [count, channels, height, width]).data;

describe.each(NETWORKS)('$name', (network) => {
  const storages = network.name === 'blazeface-short' ? (['f32', 'f16', 'int8'] as const) : (['f32'] as const);
  test.each(storages)('weights stored as %s', async (storage) => {
    // WebAssembly computes in float32 with weights as they are stored; it is held to the reference elsewhere.
    using wasm = await WasmEngine.create({ network, weights: weightsOf(network, storage), maxFaces: 2, threads: 1 });
    using engine = await WebGpuEngine.compile({
      device,
      network,
      weights: weightsOf(network, 'f32'),
      maxFaces: 2,
      storage,
    });
    const picture = pictureOf(network, 2);
    const [expected, actual] = [await wasm.run(picture, 2), await engine.run(picture, 2)];
    expect(Object.keys(actual)).toEqual(network.outputs.map(({ name }) => name));
    for (const { name } of network.outputs) {
      const of = (results: typeof actual) => results[name] ?? new Float32Array();
      const largest = of(expected).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expectAllClose(of(actual), of(expected), { atol: 1e-5 * largest, rtol: 1e-5, label: name });
    }
    const alone = await engine.run(picture.subarray(picture.length / 2), 1);
    for (const { name } of network.outputs) {
      expect(alone[name]).toEqual(actual[name]?.subarray((actual[name]?.length ?? 0) / 2));
    }
    const { submits, readbacks } = engine.statistics;
    expect([submits, readbacks]).toEqual([2, 2]);
  });
});

test('SwinFace on a convolutional trunk', async () => {
  const config = PRESETS['swinface-mobile'];
  const network = networkOf(selectOutputs(config));
  const weights = syntheticWeights(config);
  using wasm = await WasmEngine.create({ network, weights, maxFaces: 1, threads: 1 });
  using engine = await WebGpuEngine.compile({ device, network, weights, maxFaces: 1 });
  const picture = pictureOf(network, 1);
  const [expected, actual] = [await wasm.run(picture, 1), await engine.run(picture, 1)];
  // float32 with sums in another order, as for SwinFace on its own trunk.
  for (const name of ['embedding', 'logits']) {
    expectAllClose(actual[name] ?? [], expected[name] ?? [Number.NaN], { atol: 2e-5, rtol: 1e-5, label: name });
  }
});

test('what finds faces and what knows them share a device, and their runs may overlap', async () => {
  const config = PRESETS['swinface-nano'];
  const swinface = networkOf(selectOutputs(config, [RECOGNITION]));
  const networks = [blazeFaceNetwork('short'), faceMeshNetwork(), swinface];
  const engines = await Promise.all(
    networks.map((network) => {
      const weights = network === swinface ? syntheticWeights(config) : weightsOf(network, 'f32');
      return WebGpuEngine.compile({ device, network, weights, maxFaces: 1 });
    }),
  );
  const runs = () => engines.map((engine) => engine.run(pictureOf(engine.network, 1), 1));
  const alone = [];
  for (const engine of engines) alone.push(await engine.run(pictureOf(engine.network, 1), 1));
  expect(await Promise.all([...runs(), ...runs()])).toEqual([...alone, ...alone]);
  for (const engine of engines) engine.dispose();
});

test('networks of transformers do without the kernels of convolutions', async () => {
  const ops = new RecordingOps();
  const x = ops.input([1, 7, 12]);
  const weights = (outputs: number) => ({
    weight: ops.constant({ shape: [outputs, 12], data: new Float32Array(12 * outputs) }, 'fc.weight'),
  });
  const [wide, odd] = [ops.gelu(ops.linear(x, weights(8))), ops.linear(x, weights(6))];
  expect(isConvolutional(fuse([wide]), [wide])).toBe(false);
  expect(isConvolutional(fuse([odd]), [odd])).toBe(true);
});

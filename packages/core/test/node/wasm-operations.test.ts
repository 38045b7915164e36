import { expectAllClose } from '@swinface/testing';
import { describe, expect, test } from 'vitest';
import { RELAXED_SIMD, SIMD } from '../../src/executors/wasm/kernels.js';
import { lower } from '../../src/executors/wasm/lower.js';
import { bindKernels } from '../../src/executors/wasm/module.js';
import type { Plan } from '../../src/executors/wasm/plan.js';
import { runStep } from '../../src/executors/wasm/steps.js';
import { RecordingOps } from '../../src/graph/graph.js';
import type { HostTensor } from '../../src/tensor.js';
import { CASES, type Case, FLOAT32, referenceOf, runCase } from '../ops/cases.js';
import { FUSIONS } from '../ops/fusions.js';

const PAGE = 65_536;

/** The forms of the kernels that this machine runs; Node 20 does without the fused instruction. */
const FORMS = Object.entries({ SIMD, RELAXED_SIMD })
  .map(([form, base64]) => ({ form, bytes: new Uint8Array(Buffer.from(base64, 'base64')) }))
  .filter(({ bytes }) => WebAssembly.validate(bytes));

/** The case's first tensor is the network's input, the others are its weights. */
function recorded(run: Case, stacked: boolean): { plan: Plan; input: HostTensor; faces: number } {
  const ops = new RecordingOps();
  const made: HostTensor[] = [];
  const nodes: ReturnType<typeof ops.input>[] = [];
  const output = runCase(run, ops, (tensor, label) => {
    const node = made.length === 0 ? ops.input(tensor.shape) : ops.constant(tensor, label);
    made.push(tensor);
    nodes.push(node);
    return node;
  });
  const [input] = made;
  const [node] = nodes;
  if (!input || !node) throw new Error('the case makes no tensor');
  const faces = input.shape[stacked ? 1 : 0] ?? 1;
  return { plan: lower(node, [output], faces), input, faces };
}

/** What the plan makes of an input in memory full of NaN, each step in so many parts with scratch memory of their own. */
async function compute({ plan, input, faces }: ReturnType<typeof recorded>, bytes: BufferSource, parts: number) {
  const { layout, placement, steps, outputs, scratchBytes } = plan;
  const scratch = Math.ceil(scratchBytes / 64) * 64;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((placement.bytes + parts * scratch) / PAGE) });
  new Float32Array(memory.buffer).fill(Number.NaN);
  for (const constant of layout.constants) {
    const target = new DataView(memory.buffer, placement.addressOf(constant), constant.bytes);
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).fill(0);
    for (let part = 0; part < constant.parts; part++) constant.fill(target, part);
  }
  const floats = (address: number, length: number) => new Float32Array(memory.buffer, address, length);
  const width = input.shape[input.shape.length - 1] ?? 1;
  const stride = input.shape.length === 4 ? width : 4 * Math.ceil(width / 4);
  const rows = floats(placement.addressOf(plan.input), (input.data.length / width) * stride).fill(0);
  input.data.forEach((value, i) => {
    rows[Math.floor(i / width) * stride + (i % width)] = value;
  });
  const kernels = await bindKernels({ module: await WebAssembly.compile(bytes) }, memory);
  for (const { step } of steps) {
    for (let part = 0; part < parts; part++) {
      runStep(kernels, step, faces, part, parts, placement.bytes + part * scratch);
    }
  }
  const [output] = outputs;
  if (!output) throw new Error('the plan has no output');
  const values = floats(placement.addressOf(output.region), output.rows * faces * output.stride);
  return values.filter((_, i) => i % output.stride < output.width);
}

/** What the engine refuses: operations that it only knows fused, sums of two inputs, heads no multiple of four wide. */
const REFUSED = new RegExp(
  `^(${[
    'patchEmbed|layerNorm|mergePatches|conv3x3|concat|channelAttention|maxTokens|batchNorm|add',
    'windowAttention, one|windowAttention, 3x3|windowAttention of',
  ].join('|')})`,
);

/** Scores up to 2,900 are rounded in steps of 2.4e-4, and softmax makes relative errors of them. */
const tolerance = (name: string) => (/overflow exp/.test(name) ? { atol: 3e-4, rtol: 3e-4 } : FLOAT32);

test.each(Object.keys(CASES).filter((name) => REFUSED.test(name)))('refused with a typed error: %s', (name) => {
  expect(() => recorded(CASES[name] as Case, false)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/INTERNAL|INVALID_INPUT/) }),
  );
});

describe.each(FORMS)('$form', ({ bytes }) => {
  const cases = Object.entries({ ...CASES, ...FUSIONS }).filter(([name]) => !REFUSED.test(name));
  test.each(cases)('%s', async (name, run) => {
    const plan = recorded(run, /stacked|taskOutputs/.test(name));
    const expected = referenceOf(run);
    for (const parts of [1, 2, 3]) {
      expectAllClose(await compute(plan, bytes, parts), expected.data, { ...tolerance(name), label: `${parts} parts` });
    }
  });
});

test('kernels without the fused instruction run everywhere', () => {
  expect(FORMS.map(({ form }) => form)).toContain('SIMD');
});

import { expectAllClose, nullAdapter } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { defaultChoice, foundChoice, isSupported } from '../../src/webgpu/choice.js';
import { requestDevice } from '../../src/webgpu/device.js';
import { only, read, type Value, type Variant, write } from '../../src/webgpu/kernel.js';
import type { Plan } from '../../src/webgpu/lower.js';
import { pipelineCache } from '../../src/webgpu/pipelines.js';
import { Program } from '../../src/webgpu/program.js';
import { numbers, type Piece, planOf, testDevice } from './harness.js';

let device: GPUDevice;
beforeAll(async () => {
  device = await testDevice();
});
afterAll(() => device.destroy());

const layers: Piece = (ops, x, weight) => {
  const norm = { weight: weight('norm.weight', [32]), bias: weight('norm.bias', [32]) };
  const hidden = ops.gelu(ops.linear(ops.layerNorm(x, norm), { weight: weight('fc1', [64, 32]) }));
  return ops.add(x, ops.linear(hidden, { weight: weight('fc2', [32, 64]) }));
};

/** y = 2 x, by variants that are right, wrong, half done, or do not compile. */
function doubled(bodies: Readonly<Record<string, string>>): Plan {
  const x: Value = { kind: 'value', label: 'x', length: 64 };
  const y: Value = { kind: 'value', label: 'y', length: 64 };
  const source = (body: string) => `
    @group(0) @binding(1) var<storage, read> x: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64) fn twice(@builtin(local_invocation_index) i: u32) { ${body} }`;
  const variants = Object.entries(bodies).map(
    ([name, body]): Variant => ({ ...only('twice', source(body), () => 1)[0], name }),
  );
  const kernel = { label: 'twice', bindings: [read(x), write(y)], variants: variants as [Variant, ...Variant[]] };
  return { kernels: [kernel], input: x, outputs: [y], maxFaces: 1 };
}

const programOf = (plan: Plan) => Program.compile(device, plan, defaultChoice(device));
/** Takes long, and the compiler cannot know that the number it finds is not this one. */
const SLOW = `var s = i;
  for (var k = 0u; k < 2000000u; k++) { s = s * 1664525u + 1013904223u; }
  y[i] = 2.0 * x[i] + select(0.0, 1.0, s == 42u);`;

describe('Program.tune', () => {
  test('finds a variant for every kernel and computes the same with it; what is known is used and not looked for', async () => {
    const x = numbers([3, 11, 32]);
    const program = await programOf(planOf(layers, x.shape, 3));
    const run = async () => (await program.run(3, () => device.queue.writeBuffer(program.input, 0, x.data.slice())))[0];
    const before = await run();
    const { findings, complete } = await program.tune(new Map(), 60_000);
    expect(complete).toBe(true);
    expect(findings.size).toBe(2);
    expectAllClose((await run()) ?? [], before ?? [], { atol: 1e-5, rtol: 1e-5, label: 'tuned' });
    const submit = vi.spyOn(device.queue, 'submit');
    expect(await program.tune(findings, 60_000)).toEqual({ findings, complete: true });
    expect(submit).not.toHaveBeenCalled();
    vi.restoreAllMocks();
    program.dispose();

    // Another program of the same shape, told what was found, computes every kernel that way.
    const plan = planOf(layers, x.shape, 3);
    const names = plan.kernels.map((kernel) => foundChoice(device, findings, 3)(kernel).name);
    expect(names.sort()).toEqual([...findings.values()].sort());
    const forced = new Map([...findings.keys()].map((key) => [key, 'alone8']));
    expect(plan.kernels.map((kernel) => foundChoice(device, forced, 3)(kernel).name)).toEqual(['alone8', 'alone8']);
    expect(plan.kernels.map((kernel) => foundChoice(device, forced, 2)(kernel).name)).not.toContain('alone8');
  });

  test('takes a faster variant, never one that is wrong, half done or does not compile', async () => {
    const plan = doubled({
      default: SLOW,
      wrong: 'y[i] = 2.0 * x[i] + 0.1;',
      half: 'if (i < 32u) { y[i] = 2.0 * x[i]; }',
      broken: 'y[i] = nonsense;',
      right: 'y[i] = 2.0 * x[i];',
    });
    const program = await programOf(plan);
    const { findings } = await program.tune(new Map(), 60_000);
    expect([...findings.values()]).toEqual(['right']);
    const x = numbers([64]).data;
    const [y] = await program.run(1, () => device.queue.writeBuffer(program.input, 0, x.slice()));
    expect([...(y ?? [])]).toEqual([...x.map((value) => 2 * value)]);
    program.dispose();
  });

  test('stays with the default where the others are slower or wrong', async () => {
    const program = await programOf(doubled({ default: 'y[i] = 2.0 * x[i];', wrong: 'y[i] = x[i];', slow: SLOW }));
    expect([...(await program.tune(new Map(), 60_000)).findings.values()]).toEqual(['default']);
    program.dispose();
  });

  test('runs that come meanwhile get their numbers', async () => {
    const program = await programOf(doubled({ default: 'y[i] = x[i] + x[i];', right: 'y[i] = 2.0 * x[i];' }));
    const tuning = program.tune(new Map(), 60_000);
    for (let salt = 1; salt < 20; salt++) {
      const x = numbers([64], salt).data;
      const [y] = await program.run(1, () => device.queue.writeBuffer(program.input, 0, x.slice()));
      expect([...(y ?? [])], `run ${salt}`).toEqual([...x.map((value) => 2 * value)]);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await tuning;
    program.dispose();
  });

  test('stops when the budget is spent, and goes on from there', async () => {
    const x = numbers([1, 11, 32]);
    const program = await programOf(planOf(layers, x.shape, 1));
    const nothing = await program.tune(new Map(), 0);
    expect(nothing).toEqual({ findings: new Map(), complete: false });
    expect((await program.tune(nothing.findings, 60_000)).findings.size).toBe(2);
    program.dispose();
  });

  test('ends with the reason of an abortion, or with the program', async () => {
    const program = await programOf(planOf(layers, [1, 11, 32], 1));
    const reason = new Error('enough');
    const controller = new AbortController();
    const aborted = program.tune(new Map(), 60_000, controller.signal);
    setTimeout(() => controller.abort(reason), 20);
    await expect(aborted).rejects.toBe(reason);
    const disposed = program.tune(new Map(), 60_000);
    setTimeout(() => program.dispose(), 20);
    await expect(disposed).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

test('shaders of half-precision products are valid where there is shader-f16, and left alone elsewhere', async () => {
  const plan = planOf(layers, [1, 11, 32], 1, 'f16');
  const halves = (on: GPUDevice) =>
    plan.kernels.flatMap((kernel) =>
      kernel.variants
        .filter((variant) => variant.name.endsWith('.f16') && isSupported(on, variant))
        .map((variant) => ({ kernel, variant })),
    );
  // SwiftShader has no half-precision arithmetic.
  expect(halves(device)).toEqual([]);
  const { device: validating } = await requestDevice({ adapter: await nullAdapter() });
  const found = halves(validating);
  expect(found).toHaveLength(6);
  for (const { kernel, variant } of found) {
    const accesses = kernel.bindings.map(({ access }) => access);
    await expect(pipelineCache(validating).pipeline(kernel.label, accesses, variant)).resolves.toBeDefined();
  }
  validating.destroy();
});

test('defaults: what is known of software adapters, tiles on GPUs, nothing made for larger sizes', async () => {
  const { device: gpu } = await requestDevice({ adapter: await nullAdapter() });
  const adapterInfo = { ...device.adapterInfo, vendor: 'acme', architecture: 'one', device: '', description: '' };
  const pretended = { adapterInfo: { ...adapterInfo, isFallbackAdapter: false }, features: gpu.features } as GPUDevice;
  const linear = (rows: number) =>
    planOf((ops, x, weight) => ops.linear(x, { weight: weight('fc', [64, 32]) }), [1, rows, 32], 1);
  const chosen = (on: GPUDevice, rows: number) => linear(rows).kernels.map((kernel) => defaultChoice(on)(kernel).name);
  expect(chosen(device, 49)).toEqual(['quad8']);
  expect(chosen(device, 3)).toEqual(['quad4']);
  expect(chosen(pretended, 49)).toEqual(['tile64x32']);
  expect(chosen(pretended, 3)).toEqual(['alone8']);
  gpu.destroy();
});

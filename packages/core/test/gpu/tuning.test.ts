import { expectAllClose } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { only, read, type Value, type Variant, write } from '../../src/executors/webgpu/kernel.js';
import type { Plan } from '../../src/executors/webgpu/lower.js';
import { Program } from '../../src/executors/webgpu/program.js';
import { defaultChooser, foundChooser, type VariantChooser } from '../../src/executors/webgpu/variants.js';
import { layers, numbers, planOf, referenceOf, testDevice } from './harness.js';

let device: GPUDevice;
beforeAll(async () => {
  device = await testDevice();
});
afterAll(() => device.destroy());

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

const programOf = (plan: Plan) => Program.compile(device, plan, defaultChooser(device));
/** Takes long, and the compiler cannot know that the number it finds is not this one. */
const SLOW = `var s = i;
  for (var k = 0u; k < 2000000u; k++) { s = s * 1664525u + 1013904223u; }
  y[i] = 2.0 * x[i] + select(0.0, 1.0, s == 42u);`;

test('a kernel whose feature the device has in name alone is computed in the way that needs none', async () => {
  const x = numbers([3, 11, 32]);
  const plan = planOf(layers, x.shape, 3);
  const features = vi.spyOn(device.features, 'has').mockReturnValue(true);
  const create = device.createComputePipelineAsync.bind(device);
  const refused: unknown[] = [];
  const pipelines = vi.spyOn(device, 'createComputePipelineAsync').mockImplementation((descriptor) => {
    if (!descriptor.compute.entryPoint?.startsWith('product')) return create(descriptor);
    if (refused.push(descriptor.label) > 2) return create(descriptor);
    return Promise.reject(new Error('no such extension'));
  });
  const wanted: VariantChooser = (kernel) =>
    kernel.variants.find(({ name }) => name === 'quad16') ?? kernel.variants[0];
  const program = await Program.compile(device, plan, wanted);
  features.mockRestore();
  pipelines.mockRestore();
  expect(refused).toHaveLength(4);
  const [y] = await program.run(3, () => device.queue.writeBuffer(program.input, 0, x.data.slice()));
  program.dispose();
  expectAllClose(y ?? [], referenceOf(layers, x), { atol: 5e-6, rtol: 1e-5 });
});

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
    const names = plan.kernels.map((kernel) => foundChooser(device, findings, 3)(kernel).name);
    expect(names.sort()).toEqual([...findings.values()].sort());
    const forced = new Map([...findings.keys()].map((key) => [key, 'split8']));
    expect(plan.kernels.map((kernel) => foundChooser(device, forced, 3)(kernel).name)).toEqual(['split8', 'split8']);
    expect(plan.kernels.map((kernel) => foundChooser(device, forced, 2)(kernel).name)).not.toContain('split8');
  });

  // A machine that stands still during the one run that admits a variant to the race keeps the default, rightly.
  test('takes a faster variant, never one that is wrong, half done or does not compile', { retry: 2 }, async () => {
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

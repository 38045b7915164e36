import { InvalidInputError, ModelDownloadError, SwinFaceError, WeightsInvalidError } from '@swinface/core';
import { FaceAnalyzer } from 'swinface';
import { describe, expect, it } from 'vitest';
import { packError, unpackError } from '../../src/worker/errors.js';
import { StubLocator } from '../support/locator.js';
import { loadedModel } from '../support/model.js';

/** As `postMessage` does it. */
const crossed = (error: unknown): unknown => unpackError(structuredClone(packError(error)));

describe('errors that cross from the worker', () => {
  it('are the same class with the same fields, causes included', () => {
    const cause = new ModelDownloadError('No file.', { hint: 'Serve it.' });
    const error = new WeightsInvalidError('Wrong.', { expected: 'a', actual: 'b', hint: 'Do c.', cause });
    const after = crossed(error);
    expect(after).toBeInstanceOf(WeightsInvalidError);
    expect(after).toMatchObject({
      name: 'WeightsInvalidError',
      code: 'WEIGHTS_INVALID',
      message: 'Wrong. Expected a. Got b. Do c.',
      expected: 'a',
      actual: 'b',
      hint: 'Do c.',
      stack: error.stack,
    });
    const { cause: causeAfter } = after as Error;
    expect(causeAfter).toBeInstanceOf(ModelDownloadError);
    expect(causeAfter).toMatchObject({ message: 'No file. Serve it.', hint: 'Serve it.' });
  });

  it('are what they were where they are not of this SDK', () => {
    const internal = crossed(new SwinFaceError('INTERNAL', 'The GPU refused a run.'));
    expect(internal).toBeInstanceOf(SwinFaceError);
    expect(internal).toMatchObject({ code: 'INTERNAL', message: 'The GPU refused a run.' });
    const range = crossed(new RangeError('too far'));
    expect(range).toBeInstanceOf(RangeError);
    expect(range).toMatchObject({ message: 'too far' });
    expect(crossed('enough')).toBe('enough');
    expect(crossed(Object.assign(new Error('odd'), { cause: () => 0 }))).toBeInstanceOf(Error);
    expect(crossed(() => 0)).toBe('() => 0');
  });

  it('do not follow a ring of causes for ever', () => {
    const [a, b] = [new InvalidInputError('a'), new InvalidInputError('b')];
    a.cause = b;
    b.cause = a;
    expect(crossed(a)).toMatchObject({ message: 'a', cause: { message: 'b', cause: { message: 'a' } } });
  });
});

describe('the option "thread"', () => {
  it('keeps the work here where there are no workers, and says so', async () => {
    using analyzer = await FaceAnalyzer.create({
      model: await loadedModel(),
      engine: 'wasm',
      outputs: ['Gender'],
      locator: 'none',
    });
    expect(analyzer.thread).toMatchObject({ kind: 'main', reason: 'There are no workers here.' });
    using asked = await FaceAnalyzer.create({
      model: await loadedModel(),
      engine: 'wasm',
      outputs: ['Gender'],
      locator: 'none',
      thread: 'main',
    });
    expect(asked.thread.kind).toBe('main');
    expect(asked.thread).not.toHaveProperty('reason');
  });

  it('refuses a worker together with what cannot go there', async () => {
    const model = await loadedModel();
    const locator = new StubLocator([]);
    await expect(FaceAnalyzer.create({ model, thread: 'worker', locator })).rejects.toThrow(/own locator/);
    await expect(FaceAnalyzer.create({ model, thread: 'worker', device: {} as GPUDevice })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  it('throws where a worker is demanded and there is none', async () => {
    const creating = FaceAnalyzer.create({ model: await loadedModel(), locator: 'none', thread: 'worker' });
    await expect(creating).rejects.toMatchObject({ code: 'UNSUPPORTED_DEVICE' });
  });
});

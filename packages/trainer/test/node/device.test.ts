import { UnsupportedDeviceError } from '@swinface/core';
import { OnnxGraph, primitives as p } from '@swinface/core/onnx';
import { Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { createSession, type Device } from '../../src/engine/device.js';

function graph(): Uint8Array {
  const recorded = new OnnxGraph();
  recorded.output('y', p.neg(recorded, recorded.input('x', [2])));
  return recorded.toModel('test');
}

test.each(['cpu', 'auto'] as const)('%s computes', async (device) => {
  const { session, device: used } = await createSession(graph(), device, 1);
  const { y } = await session.run({ x: new Tensor('float32', [1, -2], [2]) });
  expect(y?.data).toEqual(Float32Array.of(-1, 2));
  if (device === 'cpu') expect(used).toBe('cpu');
  await session.release();
});

/** Systems on which a device cannot be, and what its error must then say: what it needs, what is there, what to do. */
const NEEDY: readonly (readonly [Device, readonly NodeJS.Platform[], RegExp])[] = [
  ['dml', ['linux', 'darwin'], /dml.*Expected Windows.*DirectX 12.*Got .*use cuda, webgpu or cpu/s],
  ['coreml', ['linux', 'win32'], /coreml.*Expected macOS.*Got .*use cuda, webgpu or cpu/s],
  ['cuda', ['darwin', 'win32'], /cuda.*Expected Linux.*NVIDIA GPU.*cuDNN 9.*Got .*onnxruntime-node-install=cuda12/s],
];

test.each(NEEDY)('%s works, or says what it needs', async (device, nowhere, expected) => {
  const outcome = await createSession(graph(), device, 1).then(
    ({ device: used }) => used,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) {
    expect(outcome).toBeInstanceOf(UnsupportedDeviceError);
    expect(outcome.message).toMatch(expected);
  } else {
    expect(outcome).toBe(device);
    expect(nowhere).not.toContain(process.platform);
  }
});

import { fileURLToPath } from 'node:url';
import * as core from '@swinface/core';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

const classes = {
  UnsupportedDeviceError: core.UnsupportedDeviceError,
  DeviceLostError: core.DeviceLostError,
  WeightsInvalidError: core.WeightsInvalidError,
  ModelDownloadError: core.ModelDownloadError,
  InvalidInputError: core.InvalidInputError,
  CameraError: core.CameraError,
  DisposedError: core.DisposedError,
};

it.each(Object.entries(classes))('%s is named as its class', (name, Class) => {
  expect(new Class('x').name).toBe(name);
  expect(Class.name).toBe(name);
});

it('errors keep their names when classes are renamed by a minifier', async () => {
  const source = fileURLToPath(new URL('../../../geometry/src/errors.ts', import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: `export { InvalidInputError as x } from ${JSON.stringify(source)};`, resolveDir: '.' },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
  });
  const code = outputFiles[0]?.text ?? '';
  const { x: Renamed } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  expect(Renamed.name, 'the class was renamed').not.toBe('InvalidInputError');
  expect(new Renamed('x').name).toBe('InvalidInputError');
});

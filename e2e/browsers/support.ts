import { readFile } from 'node:fs/promises';
import type * as Swinface from 'swinface';
import { expect } from 'vitest';
import { inRepo } from '../../scripts/lib/repo.mjs';
import { until } from './actions.js';
import type { Session } from './session.js';
import { APPLICATION, openSite } from './sites.js';

/** Where the application serves the default weights. */
export const MODEL = '/assets/models/swinface-mobile.json';

/** Heading of the README's table. */
const HEADING = '## Tested with';
const COLUMNS = [
  'WebGPU',
  'float16 arithmetic',
  'WebAssembly threads',
  'relaxed SIMD',
  'OffscreenCanvas',
  'WebGL in workers',
  'finds faces with',
];

/** Smallest modules with an atomic load, and with a relaxed product: valid where the browser has them. */
const THREADS = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0,
  26, 11,
];
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

/** What a browser offers the SDK, as the README has it: a cell each. */
async function supportOf(session: Session): Promise<string[]> {
  // Its workers may start from blobs, which the probe of a worker is.
  const site = await openSite(APPLICATION, "worker-src 'self' blob:");
  try {
    await session.open(site.url);
    await until(session, 'The SDK', () => 'FaceAnalyzer' in globalThis);
    return await session.run(
      async (threads, relaxed, model) => {
        const adapter = await navigator.gpu?.requestAdapter();
        const worker = new Worker(
          URL.createObjectURL(
            new Blob([
              `const canvas = () => (typeof OffscreenCanvas === 'function' ? new OffscreenCanvas(1, 1) : undefined);
              postMessage(['2d', 'webgl2'].map((kind) => canvas()?.getContext(kind) != null));`,
            ]),
          ),
        );
        const [canvas, webgl] = await new Promise<boolean[]>((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
        });
        worker.terminate();
        const { FaceAnalyzer } = globalThis as unknown as typeof Swinface;
        const analyzer = await FaceAnalyzer.create({ model });
        const locator = analyzer.locator?.kind ?? 'nothing';
        analyzer.dispose();
        return [
          ...[
            adapter != null,
            adapter?.features.has('shader-f16'),
            WebAssembly.validate(Uint8Array.from(threads)),
            WebAssembly.validate(Uint8Array.from(relaxed)),
            canvas,
            webgl,
          ].map((has) => (has ? 'yes' : 'no')),
          locator,
        ];
      },
      THREADS,
      RELAXED,
      MODEL,
    );
  } finally {
    await site.close();
  }
}

/**
 * Compares what a browser offers with the README's table. Its version may be newer than the README's, because machines
 * install what is current on the day, and not older.
 *
 * @param title name of the browser, and of what was switched on in it
 */
export async function expectDocumented(title: string, session: Session): Promise<void> {
  const [, name = '', version = ''] = /^(.*) (\d+(?:\.\d+)?)/.exec(session.name) ?? [];
  const [, addition = ''] = title.split(', ');
  const first = (version: string) => [`${name}${version}`, addition].filter(Boolean).join(', ');
  const cells = await supportOf(session);
  const line = `| ${[first(` ${version}`), ...cells].join(' | ')} |`;
  const rows = await readmeRows();
  expect(rows[0]?.slice(1), 'columns of the table in the README').toEqual(COLUMNS);
  const row = rows.find(([cell = '']) => cell.replace(/ [\d.]+/, '') === first(''));
  expect(row?.slice(1), `The README's table says otherwise. Seen:\n${line}`).toEqual(cells);
  const documented = /[\d.]+/.exec(row?.[0] ?? '')?.[0] ?? '';
  expect(
    version.localeCompare(documented, 'en', { numeric: true }),
    `${session.name} is older than the README's ${documented}`,
  ).toBeGreaterThanOrEqual(0);
}

/** Cells of the README's table, its heads first. */
async function readmeRows(): Promise<string[][]> {
  const readme = await readFile(inRepo('README.md'), 'utf8');
  const [section = ''] = (readme.split(`${HEADING}\n`)[1] ?? '').split('\n## ');
  const cells = (line: string) => line.split('|').slice(1, -1);
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => cells(line).map((cell) => cell.trim()));
}

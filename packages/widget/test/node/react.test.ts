// @vitest-environment node
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, test } from 'vitest';
import { SwinFace } from '../../src/react.js';

test('renders on a server to the bare tag with its children; the browser does the rest', () => {
  expect(typeof globalThis.document).toBe('undefined');
  const slot = createElement('p', { slot: 'denied' }, 'Ask at the desk.');
  const html = renderToString(createElement(SwinFace, { model: '/m.json', source: 'photo', onFaces: () => {} }, slot));
  expect(html).toMatch(/^<swin-face[ >]/);
  expect(html).toContain('<p slot="denied">Ask at the desk.</p>');
  expect(html).not.toContain('onFaces');
});

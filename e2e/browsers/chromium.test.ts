import { expect, it } from 'vitest';
import { openChromium } from './chromium.js';
import { openSites } from './sites.js';
import { expectDocumented } from './support.js';

it('Chromium offers what the README says', async () => {
  const sites = await openSites();
  const session = await openChromium(process.env.CHROMIUM_PATH ?? '/usr/bin/chromium');
  try {
    expect(session.name).toMatch(/^Chromium \d/);
    await expectDocumented('Chromium', session);
  } finally {
    await session.close();
    await sites.close();
  }
});

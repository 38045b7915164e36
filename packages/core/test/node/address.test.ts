import { fetchModel, InvalidInputError, UnsupportedDeviceError } from '@swinface/core';
import { fetchAddress } from '@swinface/core/internal';
import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
});

const address = (path: string) => fetchAddress(path, 'the model', '/models/x.json', 'Read it from disk.').href;

describe('addresses', () => {
  it('are resolved against the page', () => {
    vi.stubGlobal('document', { baseURI: 'https://example.org/app/' });
    expect(address('models/x.json')).toBe('https://example.org/app/models/x.json');
    expect(address('/models/x.json')).toBe('https://example.org/models/x.json');
  });

  it.each(['/models/x.json', './x.json', 'C:\\models\\x.json', 'file:///models/x.json'])(
    'outside a page, %s is refused with the way to read it',
    (path) => {
      expect(() => address(path)).toThrow(InvalidInputError);
      expect(() => address(path)).toThrow(/the model.*"https:\/\/example\.org\/models\/x\.json".*Read it from disk/);
    },
  );

  it('on a page that was opened from disk, say that it must be served', () => {
    vi.stubGlobal('document', { baseURI: 'file:///home/ada/index.html' });
    expect(() => address('/models/x.json')).toThrow(/over http/);
  });

  it('of a model on disk name readModelFile', async () => {
    await expect(fetchModel('models/swinface-nano.json')).rejects.toThrow(/readModelFile of @swinface\/core\/node/);
  });
});

it('over plain http, the reason leads: there is no secure context', async () => {
  vi.stubGlobal('crypto', {});
  vi.stubGlobal('location', { href: 'http://192.168.0.7/', origin: 'http://192.168.0.7' });
  const loading = fetchModel('/models/x.json');
  await expect(loading).rejects.toBeInstanceOf(UnsupportedDeviceError);
  await expect(loading).rejects.toThrow(/^This page is not a secure context.*https.*http:\/\/192\.168\.0\.7/);
});

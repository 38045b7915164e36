import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { crc32c, EventLog } from '../../src/train/event-log.js';

test('CRC-32C of the well-known check string', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
});

test('a file of records as TensorBoard reads them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swinface-events-'));
  try {
    const log = await EventLog.create(folder, 1000);
    await log.write(7, { 'loss/Age': 1.5 });
    const [name] = await readdir(folder);
    expect(name).toMatch(/^events\.out\.tfevents\.1000\./);
    const bytes = await readFile(join(folder, name ?? ''));
    const records: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = Number(bytes.readBigUInt64LE(at));
      records.push(bytes.subarray(at + 12, at + 12 + length));
      at += 16 + length;
    }
    expect(records).toHaveLength(2);
    // field 1 double 1000, field 3 the version
    expect(records[0]?.readDoubleLE(1)).toBe(1000);
    expect(records[0]?.toString('latin1')).toContain('brain.Event:2');
    // field 2 the step as a varint, then the summary: value { tag, simple_value }
    expect([...(records[1]?.subarray(9, 11) ?? [])]).toEqual([0x10, 7]);
    const text = records[1]?.toString('latin1') ?? '';
    expect(text).toContain('\x0a\x08loss/Age\x15');
    expect(records[1]?.readFloatLE(text.indexOf('loss/Age') + 9)).toBe(1.5);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

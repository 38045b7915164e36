import { describe, expect, it } from 'vitest';
import { Busy } from '../../src/runner/busy.js';
import { Gate } from '../../src/runner/gate.js';
import { gate } from '../support/locator.js';

const never = new AbortController().signal;

describe('Gate', () => {
  it('lets in as many as it is wide, the others in their order', async () => {
    const gate = new Gate(2);
    const log: string[] = [];
    const enter = async (name: string) => {
      const leave = await gate.enter(never);
      log.push(name);
      return leave;
    };
    const [leaveA, leaveB] = [await enter('a'), await enter('b')];
    expect(gate.open).toBe(false);
    const [c, d] = [enter('c'), enter('d')];
    await Promise.resolve();
    expect(log).toEqual(['a', 'b']);
    leaveB();
    leaveB();
    const leaveC = await c;
    expect(log, 'leaving twice frees one place').toEqual(['a', 'b', 'c']);
    expect(gate.open, 'a place that is passed on is not free').toBe(false);
    leaveA();
    (await d)();
    expect(gate.open).toBe(true);
    leaveC();
    expect(log).toEqual(['a', 'b', 'c', 'd']);
  });

  it('forgets one that gave up waiting, and passes its turn on', async () => {
    const gate = new Gate(1);
    const leave = await gate.enter(never);
    const controller = new AbortController();
    const impatient = gate.enter(controller.signal);
    const patient = gate.enter(never);
    controller.abort('no');
    await expect(impatient).rejects.toBe('no');
    leave();
    (await patient)();
    expect(gate.open).toBe(true);
    await expect(gate.enter(AbortSignal.abort('before'))).rejects.toBe('before');
    expect(gate.open).toBe(true);
  });
});

describe('Busy', () => {
  it('is over when the last one has ended, failed ones and later arrivals included', async () => {
    const busy = new Busy();
    expect(busy.idle).toBe(true);
    const [first, second] = [gate(), gate()];
    const failing = busy.track(first.closed.then(() => Promise.reject(new Error('x'))));
    failing.catch(() => busy.track(second.closed));
    let over = false;
    const waiting = busy.over().then(() => {
      over = true;
    });
    first.release();
    await expect(failing).rejects.toThrow('x');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(over).toBe(false);
    expect(busy.idle).toBe(false);
    second.release();
    await waiting;
    expect(busy.idle).toBe(true);
  });
});

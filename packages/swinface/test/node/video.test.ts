import { CameraError } from '@swinface/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nextFrame } from '../../src/stream/video.js';
import { PixelVideo } from '../support/canvas.js';

const never = new AbortController().signal;
const image = { data: new Uint8ClampedArray(4), width: 1, height: 1 };

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A camera's track. */
class Track extends EventTarget {
  readyState = 'live';
  /** As a device that is unplugged, or a permission that is revoked. */
  takeAway() {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
}

function camera(...tracks: Track[]) {
  const video = new PixelVideo();
  return { video, element: Object.assign(video.element, { srcObject: { getVideoTracks: () => tracks } }) };
}

/** Counts listeners, to see that none is left. */
function watched<T extends EventTarget>(target: T): T & { readonly listeners: Set<unknown> } {
  const listeners = new Set<unknown>();
  const [add, remove] = [target.addEventListener.bind(target), target.removeEventListener.bind(target)];
  target.addEventListener = (type: string, listener: EventListener) => {
    listeners.add(listener);
    add(type, listener);
  };
  target.removeEventListener = (type: string, listener: EventListener) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  return Object.assign(target, { listeners });
}

describe('nextFrame', () => {
  it('tells what the browser knows of the frame', async () => {
    const video = new PixelVideo();
    const frame = nextFrame(video.element, never);
    video.show(image, 7);
    expect(await frame).toMatchObject({ mediaTime: 7, count: undefined });
    expect((await Promise.race([frame]))?.shownAt).toBeGreaterThan(0);
  });

  it('waits while the page is hidden, and goes on with it', async () => {
    const page = Object.assign(watched(new EventTarget()), { hidden: true });
    vi.stubGlobal('document', page);
    const video = new PixelVideo();
    const frame = nextFrame(video.element, never);
    expect(video.waiting.size, 'no frame is asked for').toBe(0);
    page.hidden = false;
    page.dispatchEvent(new Event('visibilitychange'));
    expect(video.waiting.size).toBe(1);
    page.hidden = true;
    page.dispatchEvent(new Event('visibilitychange'));
    expect(video.waiting.size, 'hidden again').toBe(0);
    page.hidden = false;
    page.dispatchEvent(new Event('visibilitychange'));
    video.show(image, 3);
    expect(await frame).toMatchObject({ mediaTime: 3 });
    expect(page.listeners.size).toBe(0);
  });

  it('fails with a CameraError when the camera is taken away, and leaves no listener', async () => {
    const track = watched(new Track());
    const { video, element } = camera(track);
    const frame = nextFrame(element, never);
    track.takeAway();
    await expect(frame).rejects.toBeInstanceOf(CameraError);
    await expect(frame).rejects.toMatchObject({ code: 'CAMERA', hint: expect.stringContaining('unplugged') });
    expect(track.listeners.size).toBe(0);
    expect(video.waiting.size).toBe(0);
  });

  it('ends with a camera that the page itself stopped', async () => {
    const track = new Track();
    const { element } = camera(track);
    track.readyState = 'ended';
    expect(await nextFrame(element, never)).toBeUndefined();
    const { video, element: running } = camera(new Track());
    const frame = nextFrame(running, never);
    video.end();
    expect(await frame).toBeUndefined();
  });

  it('fails with the reason when the video cannot be decoded, before or while a frame is waited for', async () => {
    const broken = { code: 3, message: 'bad packet' };
    const before = Object.assign(new PixelVideo().element, { error: broken });
    await expect(nextFrame(before, never)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('could not be decoded (bad packet)'),
    });
    const video = watched(new PixelVideo());
    const frame = nextFrame(video.element, never);
    Object.assign(video, { error: broken }).dispatchEvent(new Event('error'));
    await expect(frame).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(video.listeners.size).toBe(0);
    expect(video.waiting.size).toBe(0);
  });

  it('fails when none of several sources can be played', async () => {
    const video = new PixelVideo();
    const frame = nextFrame(video.element, never);
    Object.assign(video, { networkState: 2 }).dispatchEvent(new Event('error')); // The first of them.
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(video.waiting.size, 'still waits').toBe(1);
    Object.assign(video, { networkState: 3 }).dispatchEvent(new Event('error'));
    await expect(frame).rejects.toThrow(/none of its sources/);
  });

  it('ends when the source is taken away, and waits when another takes its place', async () => {
    const video = new PixelVideo();
    const frame = nextFrame(video.element, never);
    Object.assign(video, { networkState: 2 }).dispatchEvent(new Event('emptied'));
    expect(video.waiting.size, 'still waits').toBe(1);
    Object.assign(video, { networkState: 0 }).dispatchEvent(new Event('emptied'));
    expect(await frame).toBeUndefined();
    expect(video.waiting.size).toBe(0);
  });
});

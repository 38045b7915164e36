import type { StreamFrame, Timings } from 'swinface';
import { h, setText } from '../ui/dom.js';
import { duration } from '../ui/format.js';

/** Timings are averaged over this many frames. */
const FRAMES = 20;

const METERS = [
  ['rate', 'Frames', 'looked at a second'],
  ['latency', 'Latency', 'from the camera\u2019s picture to its answer'],
  ['analyses', 'Analyses', 'by the network a second'],
  ['dropped', 'Skipped', 'frames, to stay with the newest'],
] as const;
type Meter = (typeof METERS)[number][0];

/** How well the machine keeps up with the camera. */
export interface Performance {
  readonly element: HTMLElement;
  /** Counts every frame. */
  add(frame: StreamFrame): void;
  /** Writes what was counted. */
  show(): void;
  /** Mean time per stage; of the network, of the frames that waited for it. Undefined before the first frame. */
  timings(): Timings | undefined;
  reset(): void;
}

/** Hidden until there is something to tell. */
export function createPerformance(): Performance {
  const values = new Map(
    METERS.map(([key, caption, note]) => {
      const value = h('dd', { class: 'figure' });
      return [key, { value, element: h('div', { 'data-key': key }, h('dt', {}, caption), value, h('dd', {}, note)) }];
    }),
  );
  const element = h('dl', { class: 'meters', hidden: true }, ...[...values.values()].map(({ element }) => element));
  let frames: StreamFrame[] = [];
  let network = 0;
  let seen = 0;
  let dropped: number | undefined;
  const set = (key: Meter, number: number | undefined, text: string) => {
    const meter = values.get(key);
    if (!meter) return;
    setText(meter.value, number === undefined ? '\u2013' : text);
    if (number === undefined) delete meter.element.dataset.value;
    else meter.element.dataset.value = String(number);
  };
  const mean = (of: (frame: StreamFrame) => number) =>
    frames.reduce((sum, frame) => sum + of(frame), 0) / Math.max(1, frames.length);
  return {
    element,
    add(frame) {
      frames = [...frames.slice(1 - FRAMES), frame];
      seen += 1;
      if (frame.dropped !== undefined) dropped = (dropped ?? 0) + frame.dropped;
      if (frame.timings.network > 0) network = frame.timings.network;
    },
    show() {
      const last = frames.at(-1);
      if (!last) return;
      element.hidden = false;
      set('rate', last.rate, last.rate.toFixed(1));
      const latency = mean((frame) => frame.latency);
      set('latency', latency, duration(latency));
      set('analyses', last.analysisRate, last.analysisRate.toFixed(1));
      set('dropped', dropped, dropped === undefined ? '' : `${dropped} of ${seen + dropped}`);
    },
    timings() {
      if (frames.length === 0) return undefined;
      const stage = (key: keyof Timings) => mean(({ timings }) => timings[key]);
      return {
        decode: stage('decode'),
        locate: stage('locate'),
        warp: stage('warp'),
        network,
        results: stage('results'),
        total: stage('total'),
      };
    },
    reset() {
      frames = [];
      [network, seen, dropped] = [0, 0, undefined];
      element.hidden = true;
    },
  };
}

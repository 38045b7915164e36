import { SwinFaceElement } from '@swinface/widget';
import { FaceAnalyzer } from 'swinface';

/* global WORKER_URL */
const worker = WORKER_URL;

/** Analyses a photo as any page would, and leaves what came of it where a test can read it. */
async function report() {
  const analyzer = await FaceAnalyzer.create({
    model: '/models/swinface-nano.json',
    ...(worker ? { assets: { worker } } : {}),
  });
  const photo = await (await fetch('/photo.jpg')).blob();
  const faces = await analyzer.analyze(photo);
  const { engine, thread } = analyzer;
  analyzer.dispose();
  return {
    ages: faces.map(({ age }) => age?.years),
    engine: engine.kind,
    thread: thread.kind,
    reason: thread.reason,
    widget: customElements.get('swin-face') === SwinFaceElement,
  };
}

globalThis.report = report().catch((error) => ({ error: String(error?.stack ?? error) }));

'use client';
import { useEffect } from 'react';
import { FaceAnalyzer } from 'swinface';

async function report() {
  const analyzer = await FaceAnalyzer.create({ model: '/models/swinface-mobile.json' });
  const photo = await (await fetch('/photo.jpg')).blob();
  const faces = await analyzer.analyze(photo);
  const { engine, thread } = analyzer;
  analyzer.dispose();
  return {
    ages: faces.map(({ age }) => age?.years),
    engine: engine.kind,
    thread: thread.kind,
    reason: thread.reason,
    widget: customElements.get('swin-face') !== undefined,
  };
}

export function Report() {
  useEffect(() => {
    globalThis.report ??= report().catch((error) => ({ error: String(error?.stack ?? error) }));
  }, []);
  return null;
}

import { SwinFace } from '@swinface/widget/react';
import { FaceAnalyzer } from 'swinface';
import { Report } from './report.jsx';

/** Rendered on the server, where importing the SDK must do no harm. */
export default function Page() {
  return (
    <main data-imported={typeof FaceAnalyzer.create}>
      <SwinFace model="/models/swinface-mobile.json" />
      <Report />
    </main>
  );
}

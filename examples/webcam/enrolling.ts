import { type Enrolment, enrol, QUALITY_HINTS, type Shot } from '@swinface/postprocessing';
import { nearest } from '@swinface/widget/kit';
import type { FaceAnalyzer, TrackedFace } from 'swinface';

/** Pictures that become one entry, and the fewest that do where more cannot be had. */
export const SHOTS = { wanted: 5, least: 3 };
/** Score from which a picture counts, as `enrol` has it. */
const MIN_QUALITY = 0.3;
/** Milliseconds between two pictures, in which a head moves a little. */
const PAUSE_MS = 400;
/** How long to wait for good pictures. */
const PATIENCE_MS = 60_000;

/** Pictures of one person could not be had; the message says why, to people. */
export class EnrolmentFailure extends Error {}

/** What enrolling takes. */
export interface Enrolling {
  readonly analyzer: FaceAnalyzer;
  readonly video: HTMLVideoElement;
  /** The face as it was seen last; undefined while it is out of view. */
  readonly face: () => TrackedFace | undefined;
  /** Called with how it stands, in a sentence. */
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Takes several good pictures of one face, each looked at by itself, and makes one entry of them.
 *
 * @throws {EnrolmentFailure} if too few could be had, or they do not show one person
 * @throws the signal's reason once it aborts
 */
export async function takeEnrolment({ analyzer, video, face, onProgress, signal }: Enrolling): Promise<Enrolment> {
  const shots: Shot[] = [];
  const until = performance.now() + PATIENCE_MS;
  let obstacle = 'The face was not in view.';
  while (shots.length < SHOTS.wanted && performance.now() < until) {
    signal.throwIfAborted();
    const target = face();
    const problem = target ? problemOf(target) : 'The face is out of view.';
    if (target && !problem) {
      onProgress(`Picture ${shots.length + 1} of ${SHOTS.wanted}: move your head a little.`);
      const found = nearest(await analyzer.analyze(video, { signal }), target);
      if (found?.embedding) shots.push(found);
    } else {
      obstacle = problem ?? obstacle;
      onProgress(obstacle);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  signal.throwIfAborted();
  if (shots.length < SHOTS.least) {
    throw new EnrolmentFailure(`Only ${shots.length} of ${SHOTS.wanted} pictures were good enough. ${obstacle}`);
  }
  try {
    return enrol(shots, { verification: analyzer.manifest.calibration.verification, minQuality: MIN_QUALITY });
  } catch (error) {
    throw new EnrolmentFailure('The pictures do not look like one person. Enrol one person at a time.', {
      cause: error,
    });
  }
}

const problemOf = ({ quality: { score, hints } }: TrackedFace): string | undefined => {
  const [worst] = hints;
  return score >= MIN_QUALITY ? undefined : worst ? QUALITY_HINTS[worst] : 'The picture is not good enough yet.';
};

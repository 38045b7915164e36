/**
 * What the widget is doing: `ready` waits for a person, `loading` asks for the camera or loads the engine, `running` and
 * `done` show results; all others tell what is in the way.
 */
export type WidgetState =
  | 'ready'
  | 'loading'
  | 'running'
  | 'done'
  | 'denied'
  | 'framed'
  | 'absent'
  | 'busy'
  | 'unsupported'
  | 'no-model'
  | 'lost'
  | 'unreadable'
  | 'failed';

/** What is looked at: the webcam, a photo that the person picks, or the page's own `<img>` or `<video>`. */
export type WidgetSource = 'webcam' | 'photo' | 'image' | 'video';

/** Chromium's way to ask what the embedding page allows this one. */
interface Policed {
  readonly featurePolicy?: { allowsFeature(feature: string): boolean };
}

/**
 * Whether the page lies in a frame of another page that does not hand the camera on: the visitor cannot allow it then.
 * Browsers that do not say so are taken to mean it in frames of other origins.
 */
function isFramed(): boolean {
  const policy = (globalThis.document as Policed | undefined)?.featurePolicy;
  if (policy) return globalThis.parent !== globalThis.self && !policy.allowsFeature('camera');
  return (globalThis.location?.ancestorOrigins?.[0] ?? globalThis.location?.origin) !== globalThis.location?.origin;
}

/** Why `getUserMedia` gave no camera. */
export function cameraState(error: unknown): 'denied' | 'framed' | 'absent' | 'busy' | 'failed' {
  // Told by their names alone: WebKit's OverconstrainedError, its answer where there is no camera, is no DOMException.
  switch (error instanceof Error || error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return isFramed() ? 'framed' : 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'absent';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return 'failed';
  }
}

/** Which state an error of the SDK leads to, by its stable code. */
export function errorState(error: unknown): 'absent' | 'unsupported' | 'no-model' | 'lost' | 'unreadable' | 'failed' {
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'UNSUPPORTED_DEVICE':
      return 'unsupported';
    case 'MODEL_DOWNLOAD':
    case 'WEIGHTS_INVALID':
      return 'no-model';
    case 'CAMERA':
      return 'absent';
    case 'DEVICE_LOST':
      return 'lost';
    case 'INVALID_INPUT':
      return 'unreadable';
    default:
      return 'failed';
  }
}

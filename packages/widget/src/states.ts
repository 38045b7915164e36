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
  | 'absent'
  | 'busy'
  | 'unsupported'
  | 'no-model'
  | 'lost'
  | 'unreadable'
  | 'failed';

/** What is looked at: the webcam, a photo that the person picks, or the page's own `<img>` or `<video>`. */
export type WidgetSource = 'webcam' | 'photo' | 'image' | 'video';

/** Why `getUserMedia` gave no camera. */
export function cameraState(error: unknown): 'denied' | 'absent' | 'busy' | 'failed' {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'denied';
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

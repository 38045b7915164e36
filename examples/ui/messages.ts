import { cameraState } from '@swinface/widget/kit';

/** What the page says when something does not work, and what a person can do about it. */
export interface Message {
  /** For styles and tests. */
  readonly kind: string;
  readonly title: string;
  readonly body: string;
  /** The machine's own words, folded away. */
  readonly detail?: string;
  /** Label of the button that tries again; absent where trying again cannot help. */
  readonly retry?: string;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const BY_CODE: Readonly<Record<string, Omit<Message, 'detail'>>> = {
  MODEL_DOWNLOAD: {
    kind: 'download',
    title: 'The model could not be loaded',
    body: 'A model file is missing or did not arrive. Check that the server is still running, then try again.',
    retry: 'Try again',
  },
  WEIGHTS_INVALID: {
    kind: 'integrity',
    title: 'The model failed its check',
    body: 'The model file is not the one its manifest describes, so none of it was used. Run the set-up again, or restore the file, then try again.',
    retry: 'Try again',
  },
  INVALID_INPUT: {
    kind: 'unreadable',
    title: 'That is not a picture this browser can read',
    body: 'Choose a JPEG, PNG, WebP, AVIF or GIF file. Photos in HEIC, as iPhones take them, must be converted to JPEG first. Any other may be damaged: open it elsewhere and save it again.',
  },
  PICTURE: {
    kind: 'picture',
    title: 'The sample photo did not come',
    body: 'Check the connection, and that the server is still running and the set-up was run. Your own photos need neither.',
    retry: 'Try again',
  },
  UNSUPPORTED_DEVICE: {
    kind: 'unsupported',
    title: 'The analysis cannot run here',
    body: 'Use a current Chrome, Edge, Safari or Firefox, and open the page over https or from localhost. If it ran before, a file may be missing: run the set-up again.',
    retry: 'Try again',
  },
  DEVICE_LOST: {
    kind: 'device-lost',
    title: 'The graphics device was reset',
    body: 'That happens after sleep or a driver update. Nothing is lost: start it again.',
    retry: 'Start again',
  },
};

/** Translates an error of the SDK. */
export function describeError(error: unknown): Message {
  const known = BY_CODE[codeOf(error)];
  const detail = error instanceof Error ? error.message : String(error);
  return known
    ? { ...known, detail }
    : {
        kind: 'internal',
        title: 'Something in the analysis broke',
        body: 'This is a fault of the page, not of your picture. Try again; if it stays, the words below help to report it.',
        detail,
        retry: 'Try again',
      };
}

const CAMERA: Readonly<Record<ReturnType<typeof cameraState>, Omit<Message, 'kind' | 'detail'>>> = {
  denied: {
    title: 'The camera is not allowed here',
    body: 'Allow the camera for this page in the address bar or in the site settings, then start again. Photos work without it.',
  },
  framed: {
    title: 'The page around this one holds the camera back',
    body: 'Its owner must write allow="camera" into the <iframe> that shows this page. Or open this page by itself. Photos work without it.',
  },
  absent: { title: 'No camera was found', body: 'Connect a camera, then start again. Photos work without one.' },
  busy: {
    title: 'The camera is busy',
    body: 'Another program or tab is using it. Close that one, then start again.',
  },
  failed: { title: 'The camera did not start', body: 'Start again.' },
};

/** Translates why `getUserMedia` gave no camera. */
export function describeCameraError(error: unknown): Message {
  const state = cameraState(error);
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { kind: `camera-${state}`, ...CAMERA[state], detail, retry: 'Start again' };
}

/** For pages that are not given a camera interface at all. */
export const CAMERA_UNSUPPORTED: Message = {
  kind: 'camera-unsupported',
  title: 'This browser offers no camera',
  body: 'Browsers give the camera only to pages opened over https or from localhost. Open the page there, or use a photo.',
};

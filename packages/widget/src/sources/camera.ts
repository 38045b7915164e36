/** The visitor's camera, on until `stop`. */
export interface Camera {
  readonly stream: MediaStream;
  /** As the browser names the device. */
  readonly label: string;
  /** Ends all tracks; the device's light goes off. */
  stop(): void;
}

/**
 * Asks for the camera. Call it only after a click.
 *
 * @param onLost called when the camera goes away by itself: unplugged, or taken back by the browser
 * @throws what `getUserMedia` throws
 */
export async function openCamera(onLost: () => void): Promise<Camera> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: 'user', width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  const [track] = stream.getVideoTracks();
  // `stop()` does not fire "ended": only the outside world does.
  track?.addEventListener('ended', onLost);
  return {
    stream,
    label: track?.label ?? 'Camera',
    stop() {
      for (const each of stream.getTracks()) each.stop();
    },
  };
}

/** Browsers hide the camera from pages that are not secure. */
export const cameraIsOffered = (): boolean => navigator.mediaDevices?.getUserMedia !== undefined;

import type { LitElement, ReactiveController } from 'lit';

/** Notices when a person can no longer see the element, or leaves its page. */
export class Sight implements ReactiveController {
  #connected = new AbortController();
  #resizes: ResizeObserver | undefined;

  /**
   * @param onHidden called, possibly again and again, while the element cannot be seen
   * @param onLeave called when the page is left
   */
  constructor(
    private readonly host: LitElement,
    private readonly onHidden: () => void,
    private readonly onLeave: () => void,
  ) {
    host.addController(this);
  }

  /** Looks whether the element can be seen: a style can hide it without any event. */
  check(): void {
    const seen = this.host.checkVisibility?.({ opacityProperty: true, visibilityProperty: true }) ?? true;
    if (document.visibilityState !== 'visible' || !seen) this.onHidden();
  }

  hostConnected(): void {
    this.#connected = new AbortController();
    const { signal } = this.#connected;
    const check = () => this.check();
    document.addEventListener('visibilitychange', check, { signal });
    addEventListener('pagehide', this.onLeave, { signal });
    this.#resizes = new ResizeObserver(check);
    this.#resizes.observe(this.host);
  }

  hostDisconnected(): void {
    this.#connected.abort();
    this.#resizes?.disconnect();
  }
}

import type { LitElement, ReactiveController } from 'lit';

/** Keeps the keyboard's place where an update takes away what had the focus. */
export class Focus implements ReactiveController {
  #had = false;
  #next: string | undefined;

  constructor(private readonly host: LitElement) {
    host.addController(this);
  }

  /** Where the keyboard goes on after the next update, as a selector. */
  moveTo(selector: string): void {
    this.#next = selector;
  }

  hostUpdate(): void {
    this.#had = Boolean(this.host.shadowRoot?.activeElement);
  }

  hostUpdated(): void {
    const root = this.host.shadowRoot;
    const wanted = this.#next && root?.querySelector<HTMLElement>(this.#next);
    this.#next = undefined;
    if (wanted) wanted.focus();
    // The button that was pressed is gone: the keyboard goes on at the one that took its place.
    else if (this.#had && !root?.activeElement) root?.querySelector<HTMLElement>('[data-next]')?.focus();
  }
}

import { button, h } from './dom.js';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const THEME_KEY = 'swinface-theme';

function storedTheme(): Theme {
  const stored = localStorage.getItem(THEME_KEY);
  return THEMES.find((theme) => theme === stored) ?? 'auto';
}

function themeSwitch(): HTMLElement {
  let theme = storedTheme();
  const toggle = button('', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
    localStorage.setItem(THEME_KEY, theme);
    apply();
  });
  toggle.className = 'quiet theme';
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    toggle.textContent = `Theme: ${theme}`;
  };
  apply();
  return toggle;
}

/** The part of a page that is the same everywhere: name, tabs, notice of untrained weights, privacy line. */
export interface Shell {
  /** Left: what is looked at. */
  readonly stage: HTMLElement;
  /** Right: what was seen. */
  readonly report: HTMLElement;
  readonly footer: HTMLElement;
  /** Shows or hides the notice that the weights mean nothing. */
  setUntrained(untrained: boolean): void;
}

const PAGES = [
  { id: 'photo', label: 'Photo', href: '../photo/' },
  { id: 'webcam', label: 'Webcam', href: '../webcam/' },
] as const;

/** Builds the page around its two columns. */
export function createShell(current: (typeof PAGES)[number]['id']): Shell {
  const stage = h('section', { class: 'stage', 'aria-label': current === 'photo' ? 'Photo' : 'Camera' });
  const report = h('section', { class: 'report', id: 'results', 'aria-label': 'Results', tabindex: -1 });
  const footer = h(
    'footer',
    {},
    h('strong', {}, 'Nothing leaves this page.'),
    ' Photos, camera images and results stay in this browser\u2019s memory; the page may only talk to its own address, and your browser enforces it.',
  );
  const notice = h(
    'aside',
    { class: 'untrained-notice', 'aria-label': 'Untrained weights', hidden: true },
    h('strong', {}, 'Untrained weights.'),
    ' Faces and landmarks are real; every other number on this page means nothing.',
  );
  document.body.append(
    h('a', { class: 'skip', href: '#results' }, 'Skip to results'),
    notice,
    h(
      'header',
      { class: 'masthead' },
      h('a', { class: 'wordmark', href: '../photo/' }, 'SwinFace'),
      h('h1', {}, PAGES.find(({ id }) => id === current)?.label),
      h(
        'nav',
        { 'aria-label': 'Pages' },
        ...PAGES.map(({ id, label, href }) =>
          h('a', { href, 'aria-current': id === current ? 'page' : undefined }, label),
        ),
      ),
      themeSwitch(),
    ),
    h('main', {}, stage, report),
    footer,
  );
  return {
    stage,
    report,
    footer,
    setUntrained(untrained) {
      notice.hidden = !untrained;
      document.documentElement.toggleAttribute('data-untrained', untrained);
    },
  };
}

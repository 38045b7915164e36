import { css } from 'lit';

/** A strip of film on the page's own paper: black around the picture, one yellow for what is marked or offered. */
export const styles = css`
  :host {
    --_surface: var(--swin-face-surface, light-dark(#f5f7f6, #1c201f));
    --_ink: var(--swin-face-ink, light-dark(#111615, #e9efed));
    --_soft: var(--swin-face-soft, light-dark(#4a5654, #9fadaa));
    --_accent: var(--swin-face-accent, #ffd52e);
    --_accent-ink: var(--swin-face-accent-ink, #111615);
    --_focus: var(--swin-face-focus, light-dark(#0a4fd6, #8ab8ff));
    --_radius: var(--swin-face-radius, 3px);

    display: block;
    container-type: inline-size;
    border-radius: var(--_radius);
    overflow: hidden;
    background: var(--_surface);
    color: var(--_ink);
    font: 400 15px / 1.45 var(--swin-face-font, system-ui, sans-serif);
    text-align: start;
  }

  :host([hidden]),
  [hidden] {
    display: none;
  }

  p,
  ul,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }

  .frame {
    display: flex;
    flex-direction: column;
    background: #0b0d0d;
    color: #f0f3f2;
  }

  .frame[data-empty] {
    min-height: 260px;
  }

  .frame[data-empty] .card {
    flex: 1;
    align-content: center;
  }

  .picture {
    position: relative;
    /* Of a picture that is cropped by its style the marks reach further than what is seen. */
    overflow: clip;
    direction: ltr;
  }

  video,
  canvas,
  ::slotted(img),
  ::slotted(video) {
    display: block;
    width: 100%;
    height: auto;
    max-height: 80vh;
    object-fit: contain;
  }

  ::slotted(img) {
    /* As it is analysed, whatever the page says: marks would lie beside the faces. */
    image-orientation: from-image !important;
  }

  .camera {
    transform: scaleX(-1);
  }

  .overlay {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    pointer-events: none;
  }

  .overlay path {
    fill: none;
    stroke: var(--_accent);
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
    vector-effect: non-scaling-stroke;
  }

  .overlay .dots {
    stroke: #fff;
    stroke-width: 1.4;
    opacity: 0.45;
  }

  .overlay text {
    fill: #fff;
    font-weight: 700;
  }

  .overlay .plate {
    fill: rgb(11 13 13 / 0.82);
  }

  .overlay .target {
    fill: none;
  }

  .card {
    display: grid;
    gap: 10px;
    justify-items: start;
    padding: 24px;
    max-width: 54ch;
  }

  .card[role='alert'] {
    border-inline-start: 5px solid #ff4d61;
  }

  .title {
    font-size: clamp(19px, 4.6cqi, 26px);
    font-weight: 700;
    line-height: 1.15;
  }

  .card p + p {
    color: #b7c2bf;
  }

  button {
    min-height: 44px;
    padding: 0 18px;
    border: 0;
    border-radius: var(--_radius);
    background: var(--_accent);
    color: var(--_accent-ink);
    font: inherit;
    font-weight: 650;
    cursor: pointer;
  }

  button:hover {
    filter: brightness(1.07);
  }

  :is(button, select):focus-visible {
    outline: 3px solid var(--_focus);
    outline-offset: 2px;
  }

  .frame button:focus-visible {
    outline-color: #8ab8ff;
  }

  .bar {
    display: flex;
    align-items: center;
    gap: 14px;
    min-height: 44px;
    padding: 0 14px;
    color: #ffc24a;
    font-size: 14px;
    font-variant-numeric: tabular-nums;
  }

  .bar .status {
    flex: 1;
    padding-block: 6px;
  }

  .bar button {
    background: none;
    color: #f0f3f2;
    min-height: 32px;
    padding: 0 12px;
    box-shadow: inset 0 0 0 1px currentColor;
    font-size: 14px;
  }

  .live {
    display: inline-flex;
    align-items: center;
    gap: 8px;
    color: #f0f3f2;
    white-space: nowrap;
  }

  .live::before {
    content: '';
    width: 10px;
    height: 10px;
    border-radius: 50%;
    background: #ff3b4e;
    animation: live 1.6s ease-in-out infinite alternate;
  }

  @keyframes live {
    to {
      opacity: 0.35;
    }
  }

  progress {
    appearance: none;
    display: block;
    width: 100%;
    height: 4px;
    border: 0;
    background: #333a39;
  }

  progress::-webkit-progress-bar {
    background: none;
  }

  progress::-webkit-progress-value {
    background: var(--_accent);
  }

  progress::-moz-progress-bar {
    background: var(--_accent);
  }

  progress:indeterminate {
    background: linear-gradient(var(--_accent) 0 0) 0 / 30% 100% no-repeat #333a39;
    animation: busy 1.2s ease-in-out infinite alternate;
  }

  progress:indeterminate::-moz-progress-bar {
    background: none;
  }

  @keyframes busy {
    to {
      background-position-x: 100%;
    }
  }

  ul {
    list-style: none;
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr));
    gap: 16px 24px;
    padding: 16px 20px;
  }

  .name {
    font-weight: 700;
    padding-block-end: 4px;
    border-block-end: 2px solid currentColor;
    margin-block-end: 6px;
  }

  dl {
    display: grid;
    gap: 4px;
  }

  dl div {
    display: grid;
    grid-template-columns: 8.5em minmax(0, 1fr);
    gap: 10px;
  }

  dt,
  small,
  .hint {
    color: var(--_soft);
  }

  dt,
  small {
    font-size: 14px;
  }

  dd {
    font-weight: 600;
  }

  small {
    font-weight: 400;
  }

  .quiet {
    background: none;
    color: inherit;
    box-shadow: inset 0 0 0 1px currentColor;
    font-size: 14px;
  }

  li .quiet {
    margin-block-start: 12px;
  }

  .hint {
    padding: 0 20px 16px;
    font-size: 14px;
    max-width: 70ch;
  }

  .synthetic {
    padding: 10px 20px;
    background: #b0172b;
    color: #fff;
  }

  .spoken {
    position: absolute;
    width: 1px;
    height: 1px;
    clip-path: inset(50%);
    overflow: hidden;
    white-space: nowrap;
  }

  @media (prefers-reduced-motion: reduce) {
    .live::before,
    progress:indeterminate {
      animation: none;
    }
  }
`;

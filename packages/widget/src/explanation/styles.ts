import { css } from 'lit';

/** What the network looked at. */
export const explanationStyles = css`
  .explanation {
    display: grid;
    gap: 14px;
    justify-items: start;
    margin: 0 20px 20px;
    padding-block-start: 2px;
  }

  .explanation .name {
    justify-self: stretch;
    margin: 0;
  }

  .explanation .hint {
    padding: 0;
  }

  label {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 12px;
  }

  select {
    min-height: 44px;
    max-width: 100%;
    padding: 0 12px;
    border: 0;
    border-radius: var(--_radius);
    background: none;
    box-shadow: inset 0 0 0 1px currentColor;
    color: inherit;
    font: inherit;
  }

  option {
    background: var(--_surface);
    color: var(--_ink);
  }

  .looked {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 220px), 1fr));
    gap: 14px 24px;
    justify-self: stretch;
    max-width: 660px;
    min-height: 220px;
  }

  .looked > div {
    align-content: start;
    display: grid;
    gap: 10px;
  }

  .looked canvas {
    width: 100%;
    max-width: 336px;
    border-radius: var(--_radius);
  }

  .said {
    font-weight: 600;
  }

  .levels-title {
    color: var(--_soft);
    font-size: 14px;
  }

  .explanation dl div {
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    align-items: center;
  }

  .explanation dd {
    display: grid;
    grid-template-columns: minmax(0, 1fr) 3.4em;
    gap: 8px;
    align-items: center;
    text-align: end;
    font-size: 14px;
    font-variant-numeric: tabular-nums;
  }

  .explanation progress {
    height: 10px;
  }
`;

/** Points of one curve. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Axes of a plot; a logarithmic x axis has ticks at powers of ten. */
export interface Axes {
  readonly x: string;
  readonly y: string;
  readonly xRange: readonly [low: number, high: number];
  readonly yRange: readonly [low: number, high: number];
  readonly logX?: boolean;
}

const WIDTH = 420;
const HEIGHT = 280;
const LEFT = 52;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 42;
const COLOURS = ['var(--accent)', 'var(--second)', 'var(--third)'];

/** Text safe inside HTML and SVG. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const shortNumber = (v: number): string => String(Number(v.toPrecision(3)));

/** A line plot as inline SVG. */
export function linePlot(title: string, axes: Axes, series: readonly Series[]): string {
  const warp = (v: number) => (axes.logX ? Math.log10(v) : v);
  const [x0, x1] = axes.xRange.map(warp) as [number, number];
  const [y0, y1] = axes.yRange;
  const px = (x: number) => LEFT + ((warp(x) - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const py = (y: number) => HEIGHT - BOTTOM - ((y - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const xTicks = axes.logX
    ? Array.from({ length: Math.floor(x1) - Math.ceil(x0) + 1 }, (_, i) => 10 ** (Math.ceil(x0) + i))
    : Array.from({ length: 6 }, (_, i) => x0 + ((x1 - x0) * i) / 5);
  const yTicks = Array.from({ length: 6 }, (_, i) => y0 + ((y1 - y0) * i) / 5);
  const grid = [
    ...xTicks.map((x) => {
      const at = px(x).toFixed(1);
      return `<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text x="${at}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle">${shortNumber(x)}</text>`;
    }),
    ...yTicks.map((y) => {
      const at = py(y).toFixed(1);
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 6}" y="${at}" dy="4" text-anchor="end">${shortNumber(y)}</text>`;
    }),
  ];
  const curves = series.map(({ points }, i) => {
    const path = points
      .filter(([x]) => !axes.logX || x > 0)
      .map(([x, y]) => `${px(x).toFixed(1)},${py(Math.max(y0, Math.min(y1, y))).toFixed(1)}`);
    return `<polyline fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2" points="${path.join(' ')}"/>`;
  });
  const legend = series.map(({ name }, i) => {
    const y = HEIGHT - BOTTOM - 12 - 16 * i;
    return `<text x="${WIDTH - RIGHT - 8}" y="${y}" text-anchor="end" style="fill:${COLOURS[i % COLOURS.length]}">${escapeHtml(name)}</text>`;
  });
  return `<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${grid.join('')}${curves.join('')}${legend.join('')}<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escapeHtml(axes.x)}</text><text transform="translate(13 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(axes.y)}</text></svg><figcaption>${escapeHtml(title)}</figcaption></figure>`;
}

/** A confusion matrix as an HTML table: share of each true class, shaded; counts on hover. */
export function confusionTable(labels: readonly string[], confusion: readonly (readonly number[])[]): string {
  const head = labels.map((label) => `<th scope="col">${escapeHtml(label)}</th>`).join('');
  const rows = confusion.map((row, i) => {
    const total = row.reduce((sum, v) => sum + v, 0);
    const cells = row.map((v) => {
      const part = total > 0 ? v / total : 0;
      return `<td title="${v} of ${total}" style="background:color-mix(in srgb, var(--accent) ${Math.round(part * 70)}%, transparent)">${(part * 100).toFixed(0)}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(labels[i] ?? '')} <small>${total}</small></th>${cells.join('')}</tr>`;
  });
  return `<table class="confusion"><caption>true class by row, answer by column, % of the row</caption><thead><tr><td></td>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

/** A horizontal bar with its confidence interval, on a scale from `low` to `high`. */
export function intervalBar(value: number, from: number, to: number, [low, high]: readonly [number, number]): string {
  const at = (v: number) => (Math.max(0, Math.min(1, (v - low) / (high - low))) * 120).toFixed(1);
  const label = `${shortNumber(from)} to ${shortNumber(to)}`;
  return `<svg class="bar" viewBox="0 0 120 12" role="img" aria-label="${label}"><rect x="0" y="3" height="6" width="${at(value)}"/><line x1="${at(from)}" x2="${at(to)}" y1="6" y2="6"/></svg>`;
}

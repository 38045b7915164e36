import type { FusedWindowAttention } from '../../../graph/fused.js';
import { attentionTables } from '../attention-tables.js';
import { type Lowering, multipleOfFour } from '../lowering.js';
import { floats, integers } from '../panels.js';
import { attentionScratch } from '../scratch.js';

/** Attention inside (shifted) windows. */
export function windowAttention(fused: FusedWindowAttention, lowering: Lowering): void {
  const { label, x, y: mixed, table, geometry } = fused;
  const { layout, zeros } = lowering;
  const qkv = lowering.value(x);
  const y = lowering.bind(mixed);
  const { window, heads } = geometry;
  const [, tokens = 0, channels = 0] = mixed.shape;
  const width = channels / heads;
  multipleOfFour(width, label);
  const area = window ** 2;
  const tables = attentionTables(table, geometry);
  const bias = floats(layout, tables.bias);
  const order = integers(layout, tables.order);
  const variants = integers(layout, tables.variants);
  const windows = tokens / area;
  const description = lowering.description((at) => [
    at(qkv),
    at(y),
    at(bias),
    at(order),
    at(variants),
    tokens,
    windows,
    area,
    heads,
    width,
    at(zeros),
    width ** -0.5,
  ]);
  const items = windows * heads;
  lowering.step(
    label,
    4 * tokens * area * channels,
    (at) => ({ op: 'attention', args: [at(description)], items }),
    attentionScratch(area, width),
  );
}

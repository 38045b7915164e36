/** Marks of the widget over pictures that a stranger's page shows in its own way. */
import type { SwinFaceElement } from '@swinface/widget';
import sharp from 'sharp';
import { expect, test } from './fixtures.js';
import { samplePhoto } from './samples.js';

type Rect = Record<'x' | 'y' | 'width' | 'height', number>;

/** How a page may show its picture, and where the pixels of one of 1920 x 1350 are then: scale and offset in its box. */
const SHOWN: readonly {
  readonly name: string;
  readonly style: string;
  readonly srcset?: string;
  readonly exif?: number;
  readonly scale: number;
  readonly offset: readonly [number, number];
}[] = [
  {
    name: 'cropped to a square',
    style: 'width: 300px; height: 300px; max-height: none; object-fit: cover',
    scale: 300 / 1350,
    offset: [(300 - (1920 * 300) / 1350) / 2, 0],
  },
  {
    name: 'cropped to its right, in a frame',
    style:
      'box-sizing: content-box; width: 320px; height: 300px; object-fit: cover; object-position: 100% 0; padding: 7px 11px; border: 5px solid',
    scale: 300 / 1350,
    offset: [16 + 320 - (1920 * 300) / 1350, 12],
  },
  {
    name: 'narrow, of twice the density',
    style: 'width: 480px; height: auto; margin-left: 40px',
    srcset: '/pictures/team.jpg 2x',
    scale: 480 / 1920,
    offset: [0, 0],
  },
  {
    name: 'stored lying on its side, which the page says to ignore',
    style: 'width: 480px; image-orientation: none',
    exif: 6,
    scale: 480 / 1920,
    offset: [0, 0],
  },
];

for (const { name, style, srcset, exif, scale, offset } of SHOWN) {
  test(`marks lie on the faces of a picture that is ${name}`, async ({ page }) => {
    if (exif) {
      const lying = await sharp(samplePhoto(3)).rotate(-90).withMetadata({ orientation: exif }).jpeg().toBuffer();
      await page.route('**/pictures/lying.jpg', (route) => route.fulfill({ body: lying, contentType: 'image/jpeg' }));
    }
    await page.goto('');
    const widget = page.locator('swin-face.group');
    await widget.evaluate(
      async (host, [style, srcset, address]) => {
        const image = host.querySelector('img') as HTMLImageElement;
        image.removeAttribute('width');
        image.removeAttribute('height');
        // As a rule of the page's own style sheet, which is stronger than the widget's.
        for (const rule of style.split(';')) {
          const [property = '', value = ''] = rule.split(':');
          image.style.setProperty(property.trim(), value.trim());
        }
        if (srcset) {
          image.removeAttribute('src');
          image.srcset = srcset;
        }
        if (address) image.src = address;
        await image.decode();
      },
      [style, srcset, exif && '/pictures/lying.jpg'] as const,
    );
    const told = widget.evaluate(
      (host) =>
        new Promise<{ boxes: Rect[]; natural: number }>((resolve) =>
          (host as SwinFaceElement).addEventListener('swin-faces', ({ detail }) =>
            resolve({
              boxes: detail.faces.map(({ box }) => ({ ...box })),
              natural: host.querySelector('img')?.naturalWidth ?? 0,
            }),
          ),
        ),
    );
    await widget.getByRole('button', { name: 'Analyse the picture' }).click();
    await expect(widget).toHaveAttribute('data-state', 'done');
    const { boxes, natural } = await told;
    expect(boxes).toHaveLength(3);
    const shown = await widget.evaluate((host) => {
      const picture = host.querySelector('img')?.getBoundingClientRect() ?? new DOMRect();
      const targets = [...(host.shadowRoot?.querySelectorAll('.overlay .target') ?? [])];
      return targets
        .map((target) => target.getBoundingClientRect())
        .map(({ x, y, width, height }) => ({ x: x - picture.x, y: y - picture.y, width, height }));
    });
    // Boxes are in the pixels in which the page knows the picture: half as many of twice the density.
    const unit = (1920 / natural) * scale;
    for (const [i, box] of boxes.entries()) {
      const mark = shown[i];
      expect(mark?.x).toBeCloseTo(offset[0] + unit * box.x, 0);
      expect(mark?.y).toBeCloseTo(offset[1] + unit * box.y, 0);
      expect(mark?.width).toBeCloseTo(unit * box.width, 0);
      expect(mark?.height).toBeCloseTo(unit * box.height, 0);
    }
  });
}

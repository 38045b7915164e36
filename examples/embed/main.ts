import '@swinface/widget';

const mirror = document.querySelector<HTMLElement>('swin-face.live');
const count = document.querySelector('#count');

mirror?.addEventListener('swin-faces', ({ detail }) => {
  if (count) count.textContent = String(detail.faces.length);
});

/** `npm start`: from a fresh clone to the example pages in one command. */
import { build } from './build.mjs';
import { main, say, since } from './lib/repo.mjs';
import { serve } from './serve.mjs';
import { setup } from './setup.mjs';

await main(async () => {
  const start = performance.now();
  await setup();
  await build({ types: false });
  const { url } = await serve();
  say.done(`ready in ${since(start)}`);
  console.log(`\n  SwinFace is at  ${url}\n  Photos and camera images never leave your browser. Stop with Ctrl+C.\n`);
});

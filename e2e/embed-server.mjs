import { main, say } from '../scripts/lib/repo.mjs';
import { serve } from '../scripts/serve.mjs';

/** What a careful site answers with, and all that the widget needs: its wasm has to be compiled, nothing else is special. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

await main(async () => {
  const root = new URL('../dist/embed', import.meta.url).pathname;
  const { url } = await serve({ root, policy: POLICY, strictPort: true });
  say.done(`serving dist/embed at ${url}`);
});

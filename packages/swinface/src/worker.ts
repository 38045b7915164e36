/**
 * The worker that does an analyzer's work; started by `FaceAnalyzer.create`, never imported by a page.
 *
 * Everything is behind a dynamic import, so that this file shares no code with any other and no bundler has a reason to
 * let a chunk import it: WebKit evaluates a worker's entry a second time when a module imports it.
 */
import('./worker/service.js').then(({ serve }) => serve()).catch(reportError);

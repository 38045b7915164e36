import { defineBrowserProvider } from '@vitest/browser';
import { FIREFOX, openFirefox, type Preferences } from './firefox.js';
import type { Session } from './session.js';

/** For Vitest: runs tests in Firefox, one page at a time. */
export const firefoxProvider = (preferences: Preferences) =>
  defineBrowserProvider({
    name: 'firefox',
    supportedBrowser: ['firefox'],
    options: {},
    providerFactory() {
      let opening: Promise<Session> | undefined;
      return {
        name: 'firefox',
        supportsParallelism: false,
        getCommandsContext: () => ({}),
        async openPage(_, url) {
          opening ??= openFirefox({ path: FIREFOX, preferences });
          await (await opening).open(url);
        },
        async close() {
          await (await opening)?.close();
        },
      };
    },
  });

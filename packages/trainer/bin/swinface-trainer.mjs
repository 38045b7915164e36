#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/cli.js', import.meta.url);
const sources = new URL('../../../scripts/lib/sources.mjs', import.meta.url);

/** The built command line; in a checkout that is not built, its sources. */
async function load() {
  if (existsSync(fileURLToPath(built)) || !existsSync(fileURLToPath(sources))) return import(built.href);
  const { importSource } = await import(sources.href);
  return importSource('packages/trainer/src/cli.ts');
}

try {
  const { main } = await load();
  await main(process.argv);
  process.exit();
} catch (error) {
  console.error(
    error instanceof Error && error.name.endsWith('Error') && 'code' in error
      ? `${error.name}: ${error.message.replace(/\p{Cc}/gu, '?')}` // may quote a file, which must not steer the terminal
      : error,
  );
  process.exit(1);
}

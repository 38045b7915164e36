import { importSource } from '../../../../../scripts/lib/sources.mjs';

const [folder, resume] = process.argv.slice(2);
const { main } = await importSource('packages/trainer/test/node/support/sitting.ts');
try {
  await main(folder, resume === 'resume');
  process.exit();
} catch (error) {
  console.error(String(error));
  process.exit(1);
}

import { writeFileSync } from 'node:fs';
import { inRepo } from './repo.mjs';

/** Where the report lies after a run. */
export const VITEST_REPORT = '.cache/test/vitest.json';

/**
 * A reporter of Vitest's that counts what its own JSON leaves out: errors outside of any test, such as a browser that went
 * away, and the tests that such an error kept from ending.
 */
export default class Report {
  onTestRunEnd(modules, unhandled) {
    const failures = unhandled.map((error) => failure('outside of any test', [error]));
    const counts = { passed: 0, skipped: 0 };
    for (const module of modules) {
      const file = `[${module.project.name}] ${module.relativeModuleId}`;
      // Hooks fail for a whole file or suite; its tests then count as skipped.
      for (const suite of [module, ...module.children.allSuites()]) {
        const where = suite === module ? file : `${file} > ${suite.fullName}`;
        if (suite.errors().length > 0) failures.push(failure(where, suite.errors()));
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'passed' || state === 'skipped') counts[state]++;
        else failures.push(failure(`${file} > ${test.fullName}`, errors ?? [{ message: 'did not end' }]));
      }
    }
    writeFileSync(inRepo(VITEST_REPORT), JSON.stringify({ ...counts, failures }, null, 2));
  }
}

const failure = (where, errors) => `${where}: ${errors.map(({ stack, message }) => stack || message).join('\n')}`;

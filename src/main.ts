/** Entry of the program. bin/launch.mjs runs it with a Node that is new enough. */
import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';

const programDirectory = dirname(import.meta.dirname);
// Stripped types and compiled code are kept between starts, which halves the time of one. Without the right to write
// there, Node does without.
enableCompileCache(join(programDirectory, '.holdfast', 'compile-cache'));
const { main } = await import('./cli/main.ts');
process.exitCode = await main(programDirectory, process.argv.slice(2));

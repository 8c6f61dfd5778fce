import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { ESLint } from 'eslint'

import { tempDir } from '../support/temp.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..')
// A file that exists, so that its types are known; its text is replaced.
const filePath = join(root, 'src/proxy/streamed.ts')
/** A project of that file and what it imports: to read all of them takes ten times as long. */
const project = join(tempDir({ after }), 'tsconfig.json')
const typeRoots = [join(root, 'node_modules/@types')]
writeFileSync(
  project,
  JSON.stringify({
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { typeRoots },
    include: [],
    files: [filePath],
  }),
)
const parserOptions = {
  projectService: false,
  project,
  // In CI the parser would read each file once, and not the text that takes its place.
  disallowAutomaticSingleRunInference: true,
}
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: join(root, 'config/eslint.config.js'),
  overrideConfig: { languageOptions: { parserOptions } },
  // Only this rule: what is planted is not meant to be beautiful.
  ruleFilter: ({ ruleId }) => ruleId === 'berth/guarded',
})

const head = `
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
declare const emitter: EventEmitter, signal: AbortSignal, socket: EventEmitter & { destroy(): void }
declare function work(): void
declare function later(): Promise<void>
declare const events: { on(name: string, listener: () => void): void }
const onFault = tellFault('a test')
`

/** How many of these lines are refused. */
async function refused(lines: string[]): Promise<string[]> {
  const code = head + lines.join('\n')
  const [result] = await eslint.lintText(code, { filePath })
  assert.ok(result !== undefined)
  const first = head.split('\n').length
  return result.messages.map(({ line, ruleId, message }) => {
    assert.equal(ruleId, 'berth/guarded', message)
    return lines[line - first] ?? message
  })
}

test('a callback that may throw, and a promise that nobody waits for, are refused', async () => {
  const planted = [
    'void later()',
    'void later().then(work)',
    'later().then(work, work)',
    'later().catch(work)',
    'process.nextTick(work)',
    'process.nextTick(() => work())',
    'setTimeout(work, 1)',
    'setInterval(() => work(), 1)',
    'setImmediate(async () => undefined)',
    'queueMicrotask(work)',
    "emitter.on('error', (error: unknown) => JSON.parse(String(error)))",
    "emitter.once('data', work)",
    "emitter.addListener('data', work)",
    "signal.addEventListener('abort', () => work())",
    'new Promise<void>((resolve) => setTimeout(() => { work(); resolve() }, 1)).catch(() => undefined)',
  ]
  assert.deepEqual(await refused(planted), planted)
})

test('what cannot throw is let through', async () => {
  const fine = [
    'inBackground(later(), onFault)',
    'process.nextTick(guarded(work, onFault))',
    'const careful = guarded(work, onFault)',
    'setTimeout(careful, 1)',
    'setImmediate(() => careful())',
    "emitter.on('error', guarded(work, onFault))",
    "emitter.on('error', () => undefined)",
    "socket.once('error', () => socket.destroy())",
    "events.on('session.closed', work)",
    'void later().catch(() => undefined)',
    'void later().then(careful, careful)',
    'void new Promise<void>((resolve) => { setTimeout(resolve, 1) }).catch(() => undefined)',
    'void sleep(1).catch(() => undefined)',
    'void 0',
  ]
  assert.deepEqual(await refused(fine), [])
})

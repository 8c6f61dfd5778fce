import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { needs } from '../needs/table.ts'
import { atEnd } from './at-end.ts'
import { tempDir } from './temp.ts'
import type { Owner } from './temp.ts'

const runner = join(import.meta.dirname, '..', 'run.js')

/** A built project with nothing but test files: name without ending → compiled code. */
export function toyProject(t: Owner, files: Record<string, string>): string {
  const root = tempDir(t)
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  for (const [name, code] of Object.entries(files)) {
    put(join(root, 'test', `${name}.test.ts`), '')
    put(join(root, 'dist', 'test', `${name}.test.js`), `import test from 'node:test'\n${code}`)
  }
  return root
}

export function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

export interface RunnerRun {
  code: number | null
  output: string
  lastLine: string
}

export interface StartedRunner {
  child: ChildProcess
  done: Promise<RunnerRun>
}

/** Starts the test runner on a toy project, with every need given unless `env` says otherwise. */
export function startRunner(
  t: Owner,
  root: string,
  { args = [], env = {} }: { args?: string[]; env?: NodeJS.ProcessEnv } = {},
): StartedRunner {
  const own = { CI: '', BERTH_TEST_CACHE: join(root, '.cache') }
  const given = Object.fromEntries(needs.map(({ variable }) => [variable, process.execPath]))
  const child = spawn(process.execPath, [runner, '--root', root, '--grace', '3', ...args], {
    env: { ...process.env, ...own, ...given, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const done = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    output,
    lastLine: output.trimEnd().split('\n').at(-1) ?? '',
  }))
  atEnd(t, async () => {
    child.kill('SIGKILL')
    await done
  })
  return { child, done }
}

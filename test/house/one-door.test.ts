import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import type { Linter as Eslint } from 'eslint'
import { Linter } from 'eslint'
import tseslint from 'typescript-eslint'

import { compiled } from '../support/config.ts'

const root = compiled('..')
const file = join(root, 'config', 'eslint-doors.js')
const { doorRules } = (await import(pathToFileURL(file).href)) as { doorRules: Eslint.Config[] }
const linter = new Linter({ cwd: root })
const parser = tseslint.parser as Eslint.Parser

/** The rules that a planted line of a file below src breaks. */
function broken(name: string, line: string): (string | null)[] {
  const base: Eslint.Config = { files: ['**/*.ts'], languageOptions: { parser } }
  const filename = join(root, 'src', name)
  const said = linter.verify(line, [base, ...doorRules], { filename })
  assert.ok(!said.some(({ fatal }) => fatal), JSON.stringify(said))
  return said.map(({ ruleId }) => ruleId)
}

test('nobody decides from the raw URL of a request', () => {
  for (const line of [
    'export const isIt = (request: X) => /invocations/.test(request.url)',
    'export const isIt = (request: X) => request.originalUrl.length',
    'export const isIt = (request: X) => request.raw.url',
    "export const isIt = (req: X) => req['url']",
    'export const isIt = ({ url }: FastifyRequest) => url',
    'export const isIt = ({ url }: Pick<IncomingMessage, "url">) => url',
    "serve('/x', ({ url }) => url)",
    'export function isIt(request: X) {\n  const { url, method } = request\n  return url + method\n}',
  ]) {
    for (const name of ['proxy/x.ts', 'admin/routes/x.ts', 'protocols/x.ts', 'gateway.ts']) {
      assert.deepEqual(broken(name, line), ['doors/raw-url'], `${name}: ${line}`)
    }
  }
})

test('URLs that are none of a request may be read, and those of requests in the ground', () => {
  for (const line of [
    'export const path = (launch: X) => new URL(launch.url).pathname',
    'export const header = ({ scopes, url }: { scopes: string[]; url: string }) => scopes + url',
    'export const path = (request: X) => writtenPath(request)',
  ]) {
    assert.deepEqual(broken('proxy/x.ts', line), [], line)
  }
  assert.deepEqual(broken('ground/request-target.ts', 'export const x = request.url'), [])
})

test('where others are listened to, JSON comes in through one door', () => {
  for (const line of [
    'export const x = JSON.parse(text)',
    "export const x = JSON['parse'](text)",
    'export const x = texts.map(JSON.parse)',
    'const { parse } = JSON',
    'const json = JSON',
  ]) {
    for (const name of [
      'proxy/x.ts',
      'protocols/x.ts',
      'sessions/stores/redis/x.ts',
      'keeper/x.ts',
    ]) {
      assert.deepEqual(broken(name, line), ['doors/parsed-json'], `${name}: ${line}`)
    }
    assert.deepEqual(broken('ground/json.ts', line), [], line)
  }
  assert.deepEqual(broken('proxy/x.ts', 'export const x = JSON.stringify(text)'), [])
})

test('nobody writes to the terminal past the door that cleans', () => {
  for (const line of [
    'process.stdout.write(text)',
    "process.stderr['write'](text)",
    "process['stdout'].write(text)",
    'console.log(text)',
    'console.error(text)',
    'const { stdout } = process\nstdout.write(text)',
    "import { stdout } from 'node:process'\nstdout.write(text)",
    "import { Console } from 'node:console'\nexport const c = Console",
  ]) {
    for (const name of ['client/x.ts', 'cli/commands/x.ts', 'demo/run.ts', 'load/report/x.ts']) {
      const rules = broken(name, line)
      assert.ok(rules.length > 0 && rules.every((rule) => rule === 'doors/one-screen'), line)
    }
  }
  assert.deepEqual(
    broken('client/x.ts', 'export const say = (io: Io) => io.stdout.write(text)'),
    [],
  )
  assert.deepEqual(broken('cli/main.ts', 'process.stdout.write(text)'), [])
})

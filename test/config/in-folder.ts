import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'

import type { Config } from '../../src/config/config.ts'
import { loadConfig, type LoadInput } from '../../src/config/load.ts'
import type { Problem } from '../../src/config/problems.ts'
import { GatewayError } from '../../src/ground/errors.ts'

/** A folder of its own for a test, with these files in it; `bin/` and `.sh` files can be run. */
export function folderOf(t: TestContext, files: Record<string, string> = {}): string {
  const root = mkdtempSync(path.join(os.tmpdir(), 'berth-config-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
    if (name.includes('bin/') || name.endsWith('.sh')) chmodSync(file, 0o755)
  }
  return root
}

/**
 * Loads a file whose text or value is given, from another folder than the file's. The file is
 * `project/berth.yaml` (or `options.name`) below a folder that `options.files` fills.
 */
export function inputFor(
  t: TestContext,
  content: unknown,
  options: { name?: string; files?: Record<string, string> } & Partial<LoadInput> = {},
): LoadInput & { root: string } {
  const { name = 'project/berth.yaml', files = {}, ...input } = options
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  const root = folderOf(t, { ...files, [name]: text, 'elsewhere/.keep': '', 'home/.keep': '' })
  const env = { PATH: process.env.PATH, HOME: path.join(root, 'home'), ...input.env }
  return {
    file: path.join(root, name),
    cwd: path.join(root, 'elsewhere'),
    homeDir: path.join(root, 'home'),
    ...input,
    env,
    root,
  }
}

type Options = Parameters<typeof inputFor>[2]

export function load(t: TestContext, content: unknown, options?: Options): Config {
  return loadConfig(inputFor(t, content, options))
}

/** What is wrong with it, by path. Fails when nothing is. */
export function problemsOf(
  t: TestContext,
  content: unknown,
  options?: Options,
): Record<string, string> {
  return problemsIn(inputFor(t, content, options))
}

export function problemsIn(input: LoadInput): Record<string, string> {
  const error = errorOf(input)
  const problems = error.details?.problems as Problem[]
  return Object.fromEntries(problems.map((problem) => [problem.path, problem.message]))
}

export function errorOf(input: LoadInput): GatewayError {
  try {
    loadConfig(input)
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error))
    assert.equal(error.code, 'ERR_CONFIG_INVALID')
    return error
  }
  return assert.fail('the configuration was accepted')
}

/** A file with one server, which is there on every machine, and these keys beside it. */
export function withServer(server: object = {}, top: object = {}): object {
  return { mcpServers: { demo: { command: 'node', ...server } }, ...top }
}

export function serverOf(config: Config, name = 'demo') {
  const server = config.servers.find((candidate) => candidate.name === name)
  assert.ok(server, `there is no server ${name}`)
  return server
}

export function launchOf(config: Config, name = 'demo') {
  const { launch } = serverOf(config, name)
  assert.ok(launch.kind === 'local')
  return launch
}

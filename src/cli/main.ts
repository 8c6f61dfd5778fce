#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { tooOld } from './node-version.ts'

// Nothing else is imported before this: an older Node fails at the first import of what it lacks.
const manifest = new URL('../../../package.json', import.meta.url)
const { engines } = JSON.parse(readFileSync(manifest, 'utf8')) as { engines: { node: string } }
const problem = tooOld(process.versions.node, engines.node)
if (problem !== undefined) {
  process.stderr.write(`mcp-berth: ${problem}\n`)
  process.exit(1)
}

// Modes are given wherever something is made; an umask that takes from ourselves would make it useless.
process.umask(process.umask(0o077) & 0o077)

const { runProgram } = await import('./run.ts')
const { argv, execPath, env, stdin, stdout, stderr } = process
const [, script = '', ...words] = argv
const file = fileURLToPath(import.meta.url)
const start = { script, file, execPath, cwd: process.cwd(), env }
process.exit(await runProgram(words, { start, stdin, stdout, stderr }))

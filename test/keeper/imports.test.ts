import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import test from 'node:test'

import { compiled } from '../support/config.ts'

const base = compiled('src')
const statement = /^(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]/gm

/** Every module that a compiled file loads, and what those load; our own below `src/`. */
function modulesOf(file: string, found = new Set<string>()): Set<string> {
  const name = relative(base, file)
  if (found.has(name)) return found
  found.add(name)
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(statement)) {
    if (specifier.startsWith('.')) modulesOf(join(dirname(file), specifier), found)
    else found.add(specifier)
  }
  return found
}

test('a keeper loads nothing heavy: there is one for every session', () => {
  const modules = [...modulesOf(join(base, 'keeper/main.js'))]
  assert.ok(modules.includes('keeper/server-process.js'), 'the graph was followed')
  const allowed =
    /^(node:\w+|keeper\/[\w-]+\.js|ground\/(clock|errors|few|frame-heads|frames|guarded|hold|json|jsonrpc|last-resort|mcp-versions|pile|process-tree|removal|shell|spoken)\.js)$/
  assert.deepEqual(
    modules.filter((name) => !allowed.test(name)),
    [],
  )
  const text = modules
    .filter((name) => !name.startsWith('node:'))
    .map((name) => readFileSync(join(base, name), 'utf8'))
    .join('\n')
  assert.ok(!/\bimport\(|\brequire\(/.test(text), 'nothing is loaded later on')
  // Frames are 20 000 of it, and make a call of a stdio server cost half; 3000 hold a server back.
  // What grows with every error of the gateway are the texts of the catalogue.
  assert.ok(text.length < 202_000, `${text.length} characters`)
})

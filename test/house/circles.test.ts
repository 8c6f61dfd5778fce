import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { tempDir } from '../support/temp.ts'
import { findCircles } from './circles.ts'

const root = compiled('..')

function planted(folder: string, files: Record<string, string>): string {
  mkdirSync(join(folder, 'room'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

test('no two files of src or test import each other in a circle', async () => {
  assert.deepEqual(await findCircles(root, ['src', 'test']), [])
})

test('a circle of values is found, over folders too', async (t) => {
  const folder = planted(tempDir(t), {
    'a.ts': `import { b } from './room/b.ts'\nexport const a = (): unknown => b\n`,
    'room/b.ts': `import { c } from './c.ts'\nexport const b = (): unknown => c\n`,
    'room/c.ts': `export { a as c } from '../a.ts'\n`,
    'd.ts': `import { a } from './a.ts'\nexport const d = a\n`,
  })
  assert.deepEqual(await findCircles(folder), ['a.ts -> room/b.ts -> room/c.ts -> a.ts'])
})

test('a circle of types alone is found as well', async (t) => {
  const folder = planted(tempDir(t), {
    'a.ts': `import type { B } from './b.ts'\nexport interface A { b?: B }\n`,
    'b.ts': `import { type A } from './a.ts'\nexport interface B { a?: A }\n`,
  })
  assert.deepEqual(await findCircles(folder), ['a.ts -> b.ts -> a.ts'])
})

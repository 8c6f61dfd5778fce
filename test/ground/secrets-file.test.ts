import assert from 'node:assert/strict'
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createSecretsReader, readSecrets } from '../../src/ground/secrets-file.ts'
import { tempDir } from '../support/temp.ts'

test('YAML and JSON give the texts that stand there', () => {
  const yaml = [
    'shared: { PIN: 0042, FLAG: yes, EMPTY:, "2": x }',
    'users:',
    '  alice: &alice { TOKEN: 1.10 }',
    '  42: *alice',
    '  __proto__: { A: "a\\nb" }',
    '  bob:',
  ].join('\n')
  const read = readSecrets(yaml)
  assert.ok('users' in read, JSON.stringify(read))
  assert.deepEqual(
    [...read.shared],
    [
      ['PIN', '0042'],
      ['FLAG', 'yes'],
      ['EMPTY', ''],
      ['2', 'x'],
    ],
  )
  const users = [...read.users].map(([user, values]) => [user, ...values])
  assert.deepEqual(users, [
    ['alice', ['TOKEN', '1.10']],
    ['42', ['TOKEN', '1.10']],
    ['__proto__', ['A', 'a\nb']],
    ['bob'],
  ])
  const json = readSecrets('{"shared": {"A": true, "B": null}}')
  assert.ok('shared' in json)
  assert.deepEqual(
    [...json.shared],
    [
      ['A', 'true'],
      ['B', 'null'],
    ],
  )
  for (const empty of ['', '# nothing yet\n', 'shared:\nusers:\n']) {
    assert.deepEqual(readSecrets(empty), { shared: new Map(), users: new Map() })
  }
})

const broken: [string, number][] = [
  ['shared:\n  A: hush\n B: hush\n', 3],
  ['shared: { A: hush', 1],
  ['A: hush\n', 1],
  ['shared: {}\nusers:\n  hush: hush\n', 3],
  ['shared:\n  - hush\n', 2],
  ['users: { hush: { A: { B: hush } } }', 1],
  ['shared: { A: hush, A: hush }', 1],
  ['hush', 1],
  ['shared: { A: *hush }', 1],
]

for (const [text, line] of broken) {
  test(`is refused with its line and without its text: ${JSON.stringify(text)}`, () => {
    const read = readSecrets(text)
    assert.ok('problem' in read)
    assert.match(read.problem, new RegExp(`in line ${line}[:.]`))
    assert.doesNotMatch(read.problem, /hush/)
  })
}

test('a file is read anew when it has changed, by whatever way', (t) => {
  const file = join(tempDir(t), "it's.yaml")
  const put = (text: string, mode = 0o600): void => {
    rmSync(`${file}.new`, { force: true })
    writeFileSync(`${file}.new`, text, { mode })
    renameSync(`${file}.new`, file)
  }
  put('shared: { A: one }')
  const read = createSecretsReader(file)
  const value = (): string | undefined => {
    const now = read()
    return 'problem' in now ? now.problem : now.shared.get('A')
  }
  assert.equal(value(), 'one')
  assert.equal(read(), read())
  put('shared: { A: two }')
  assert.equal(value(), 'two')
  chmodSync(file, 0o644)
  assert.match(value() ?? '', /mode 644.*chmod 600 '.*\/it'\\''s\.yaml'$/)
  chmodSync(file, 0o400)
  assert.equal(value(), 'two')
  put('shared: [')
  assert.match(value() ?? '', /line 1/)
  rmSync(file)
  assert.match(value() ?? '', /ENOENT/)
  put('shared: { A: three }')
  assert.equal(value(), 'three')
})

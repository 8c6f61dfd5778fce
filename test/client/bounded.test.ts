import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'

import { checkAnswer, readAnswer } from '../../src/client/answers.ts'
import { checkArguments } from '../../src/client/argument-check.ts'
import { argumentsOf } from '../../src/client/arguments.ts'
import { bounded, boundedValidator } from '../../src/client/bounded.ts'
import { fieldsOfTool } from '../../src/client/fields.ts'
import { fillInForm } from '../../src/client/prompts.ts'
import { questionsOf } from '../../src/client/questions.ts'

const evil = { type: 'string', pattern: '^(a+)+$' }
const word = `${'a'.repeat(50)}!`
const form = (properties: object): object => ({ type: 'object', properties })

test('what comes to an end is done, and throws what it throws', () => {
  assert.equal(
    bounded(() => 7),
    7,
  )
  assert.throws(
    () =>
      bounded(() => {
        throw new TypeError('no')
      }),
    { name: 'TypeError', message: 'no' },
  )
})

// Each of these would run for longer than this machine will last.
test('a pattern of a server is given up when it takes too long, and the server will judge', () => {
  const [question] = questionsOf(form({ word: evil }))
  assert.ok(question)
  const checked = readAnswer(question, word)
  assert.ok('value' in checked)
  assert.equal(checked.value, word)
  assert.match(checked.note ?? '', /could not be checked/)
  assert.deepEqual(readAnswer(question, 'aaa'), { value: 'aaa' })
  assert.deepEqual(readAnswer(question, 'b'), { problem: 'It has to match ^(a+)+$' })
})

test('so is one that only the schema has, in a list, in names or in a tool', () => {
  const [list] = questionsOf(form({ words: { type: 'array', items: evil } }))
  const [names] = questionsOf(
    form({ names: { type: 'object', patternProperties: { '^(a+)+$': {} } } }),
  )
  assert.ok(list && names)
  assert.ok('value' in checkAnswer(list, [word]))
  assert.ok('value' in checkAnswer(names, { [word]: 1 }))
  const tool = {
    name: 'x',
    inputSchema: { type: 'object' as const, properties: { word: evil } },
  }
  assert.match(checkArguments(tool, { word }, 'option') ?? '', /could not be checked/)
  assert.deepEqual(argumentsOf([`word=${word}`], fieldsOfTool(tool)), { word })
  const validate = boundedValidator.getValidator(form({ word: evil }))
  assert.equal(validate({ word }).valid, true)
})

test('a form with a thousand of them is asked for all the same', () => {
  const properties = Array.from({ length: 1000 }, (_, n) => [`f${n}`, { ...evil, default: word }])
  const questions = questionsOf(form(Object.fromEntries(properties) as object))
  assert.equal(questions.length, 1000)
})

test('whoever fills in such a form is told that it was not checked', async () => {
  const input = new PassThrough()
  const output = new PassThrough()
  let shown = ''
  const keys = [
    ['Decline', '\r'],
    ['Word', `${word}\r`],
  ] as const
  let step = 0
  output.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
    const next = keys[step]
    if (next === undefined || !shown.includes(next[0])) return
    step += 1
    shown = ''
    setImmediate(() => input.write(next[1]))
  })
  const questions = questionsOf(form({ word: { ...evil, title: 'Word' } }))
  const never = new AbortController().signal
  const filled = await fillInForm('Well?', questions, {}, { input, output }, never)
  assert.deepEqual(filled, { action: 'accept', content: { word } })
  assert.match(shown, /could not be checked/)
})

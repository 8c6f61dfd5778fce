import assert from 'node:assert/strict'
import { test } from 'node:test'

import { checkAnswer, hintOf, readAnswer } from '../../src/client/answers.ts'
import { questionsOf } from '../../src/client/questions.ts'
import type { Question } from '../../src/client/question.ts'

function questionOf(schema: Record<string, unknown>, required = true): Question {
  const form = { type: 'object', properties: { it: schema }, required: required ? ['it'] : [] }
  const [question] = questionsOf(form)
  assert.ok(question)
  return question
}

const titled = [
  { const: 'a', title: 'Apple' },
  { const: 'b', title: 'Bread' },
]
const options = [
  { value: 'a', title: 'Apple' },
  { value: 'b', title: 'Bread' },
]

test('every form of a field becomes the question that fits it', () => {
  const table: [Record<string, unknown>, Record<string, unknown>][] = [
    [{ type: 'string' }, { kind: 'text', minLength: 0, maxLength: Infinity }],
    [
      { type: 'string', format: 'email' },
      { kind: 'text', format: 'email' },
    ],
    [
      { type: 'string', pattern: '^x' },
      { kind: 'text', pattern: '^x' },
    ],
    [
      { type: 'number', minimum: 1 },
      { kind: 'number', isInteger: false, minimum: 1 },
    ],
    [
      { type: 'integer', maximum: 9 },
      { kind: 'number', isInteger: true, maximum: 9 },
    ],
    [{ type: 'boolean' }, { kind: 'yes-no' }],
    [
      { type: 'string', oneOf: titled },
      { kind: 'choice', options },
    ],
    [
      { type: 'string', enum: ['a', 'b'], enumNames: ['Apple', 'Bread'] },
      { kind: 'choice', options },
    ],
    [
      { type: 'string', enum: ['a'] },
      { kind: 'choice', options: [{ value: 'a', title: 'a' }] },
    ],
    [
      { enum: [1, true] },
      {
        kind: 'choice',
        options: [
          { value: 1, title: '1' },
          { value: true, title: 'true' },
        ],
      },
    ],
    [
      { type: 'array', items: { anyOf: titled } },
      { kind: 'choices', options, minItems: 0 },
    ],
    [
      { type: 'array', items: { enum: ['a'] }, maxItems: 1 },
      { kind: 'choices', maxItems: 1 },
    ],
    [{ type: 'array', items: { type: 'string' } }, { kind: 'json' }],
    [{ type: 'object' }, { kind: 'json' }],
    [{}, { kind: 'json' }],
  ]
  for (const [schema, expected] of table) {
    const question: Record<string, unknown> = { ...questionOf(schema) }
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(question[key], value, `${key} of ${JSON.stringify(schema)}`)
    }
  }
})

test('titles, descriptions, requirement and defaults are taken over', () => {
  const [one, other] = questionsOf({
    properties: {
      one: { type: 'integer', title: 'One', description: 'The first', default: 3 },
      other: { type: 'integer', maximum: 5, default: 9 },
    },
    required: ['one'],
  })
  assert.deepEqual(
    [one?.title, one?.description, one?.isRequired, one?.preset],
    ['One', 'The first', true, 3],
  )
  assert.deepEqual(
    [other?.title, other?.description, other?.isRequired],
    ['other', undefined, false],
  )
  assert.equal(other?.preset, undefined, 'a default that is no valid answer is none')
  assert.deepEqual(questionsOf(undefined), [])
})

test('typed answers are read as what the field wants, or refused with the reason', () => {
  const table: [Record<string, unknown>, string, unknown][] = [
    [{ type: 'string' }, ' as it is ', { value: ' as it is ' }],
    [{ type: 'string', minLength: 2 }, 'x', { problem: 'Give at least 2 characters.' }],
    [{ type: 'string', maxLength: 1 }, 'xy', { problem: 'Give at most 1 character.' }],
    [{ type: 'string', maxLength: 1 }, '🏖', { value: '🏖' }],
    [{ type: 'string', pattern: '^\\d+$' }, 'x', { problem: 'It has to match ^\\d+$' }],
    [{ type: 'string', pattern: '(' }, 'x', { value: 'x' }],
    [{ type: 'string', format: 'email' }, 'ana@example.com', { value: 'ana@example.com' }],
    [
      { type: 'string', format: 'email' },
      'ana',
      { problem: 'Give an e-mail address, for instance ana@example.com.' },
    ],
    [{ type: 'string', format: 'uri' }, 'https://a.example/b', { value: 'https://a.example/b' }],
    [
      { type: 'string', format: 'uri' },
      'a.example',
      { problem: 'Give a full address, for instance https://example.com/page.' },
    ],
    [{ type: 'string', format: 'date' }, '2026-02-28', { value: '2026-02-28' }],
    [
      { type: 'string', format: 'date' },
      '2026-02-30',
      { problem: 'Give a date as year-month-day, for instance 2026-11-20.' },
    ],
    [
      { type: 'string', format: 'date-time' },
      '2026-11-20T18:30:00Z',
      { value: '2026-11-20T18:30:00Z' },
    ],
    [
      { type: 'string', format: 'date-time' },
      '2026-11-20',
      { problem: 'Give a time with its zone, for instance 2026-11-20T18:30:00Z.' },
    ],
    [{ type: 'number' }, ' 1.5 ', { value: 1.5 }],
    [{ type: 'number' }, '', { problem: 'Give a number.' }],
    [
      { type: 'integer', minimum: 1, maximum: 30 },
      '1.5',
      { problem: 'Give a whole number from 1 to 30.' },
    ],
    [
      { type: 'integer', minimum: 1, maximum: 30 },
      '31',
      { problem: 'Give a whole number from 1 to 30.' },
    ],
    [{ type: 'number', exclusiveMinimum: 0 }, '0', { problem: 'Not valid: data must be > 0.' }],
    [{ type: 'boolean' }, 'Yes', { value: true }],
    [{ type: 'boolean' }, 'false', { value: false }],
    [{ type: 'boolean' }, 'maybe', { problem: 'Say yes or no.' }],
    [{ type: 'string', oneOf: titled }, 'b', { value: 'b' }],
    [{ type: 'string', oneOf: titled }, 'bread', { value: 'b' }],
    [{ type: 'string', oneOf: titled }, 'c', { problem: 'Choose one of: a, b.' }],
    [{ enum: [1, 2] }, '2', { value: 2 }],
    [{ type: 'array', items: { anyOf: titled } }, 'Apple, b', { value: ['a', 'b'] }],
    [{ type: 'array', items: { anyOf: titled } }, 'a,c', { problem: 'Choose from: a, b.' }],
    [
      { type: 'array', items: { anyOf: titled }, minItems: 1 },
      '',
      { problem: 'Choose at least 1.' },
    ],
    [
      { type: 'array', items: { anyOf: titled }, maxItems: 1 },
      'a,b',
      { problem: 'Choose up to 1.' },
    ],
    [{ type: 'object', required: ['x'] }, '{"x":1}', { value: { x: 1 } }],
    [
      { type: 'object', required: ['x'] },
      '{}',
      { problem: "Not valid: data must have required property 'x'." },
    ],
    [{ type: 'object' }, '{', { problem: 'Give JSON.' }],
  ]
  for (const [schema, text, expected] of table) {
    const name = `${text} for ${JSON.stringify(schema)}`
    assert.deepEqual(readAnswer(questionOf(schema), text), expected, name)
  }
})

test('values are checked without being converted', () => {
  const nights = questionOf({ type: 'integer' })
  assert.deepEqual(checkAnswer(nights, 3), { value: 3 })
  assert.deepEqual(checkAnswer(nights, '3'), { problem: 'Give a whole number.' })
  assert.deepEqual(checkAnswer(nights, undefined), { problem: 'An answer is needed.' })
  assert.deepEqual(checkAnswer(questionOf({ type: 'boolean' }), 'true'), {
    problem: 'Say yes or no.',
  })
})

test('hints say what a valid answer looks like', () => {
  const hints = [
    hintOf(questionOf({ type: 'string' })),
    hintOf(questionOf({ type: 'number', minimum: 0 })),
    hintOf(questionOf({ type: 'integer', maximum: 3 })),
    hintOf(questionOf({ type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 1 })),
    hintOf(questionOf({ type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 2 })),
  ]
  assert.deepEqual(hints, [
    undefined,
    'a number from 0 up',
    'a whole number up to 3',
    'exactly 1',
    '1 to 2',
  ])
})

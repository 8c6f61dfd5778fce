import assert from 'node:assert/strict'
import { test } from 'node:test'

import { missingVariableHint } from '../../src/workers/missing-variable.ts'

const here = ['OPENAI_API_KEY', 'GITHUB_TOKEN', 'SLACK', 'EDITOR', 'PORT']

function hintFor(text: string, { isCommandLine = true, withheld = here } = {}): string {
  const lines = text.split('\n')
  return missingVariableHint({ lines, given: ['PATH', 'SET'], origin: { isCommandLine, withheld } })
}

/** What the hint is about; empty where there is none. */
const namesFor = (text: string): string[] => [
  ...new Set(
    [...hintFor(text).matchAll(/(?:--pass-env |--env )([A-Z_]+)/g)].flatMap(
      ([, name]) => name ?? [],
    ),
  ),
]

test('a variable that is set here is to be handed on, another one to be given', () => {
  assert.equal(
    hintFor("KeyError: 'OPENAI_API_KEY'"),
    ' Workers get PATH, HOME and the like only: hand on OPENAI_API_KEY with --pass-env OPENAI_API_KEY.',
  )
  assert.equal(
    hintFor("KeyError: 'ACME_KEY'"),
    ' Workers get PATH, HOME and the like only: set ACME_KEY in this shell and add --pass-env ACME_KEY (or use --env-file FILE).',
  )
  assert.match(
    hintFor("KeyError: 'OPENAI_API_KEY'", { isCommandLine: false }),
    /hand on OPENAI_API_KEY with passEnv: \[OPENAI_API_KEY\]\.$/,
  )
  assert.match(
    hintFor('ACME_KEY is not set', { isCommandLine: false }),
    /give it ACME_KEY with env: \{ ACME_KEY: … \} \(or envFile\)\.$/,
  )
})

const naming: Record<string, string[]> = {
  'GITHUB_TOKEN is not set': ['GITHUB_TOKEN'],
  'Error: Missing required environment variable: ACME_URL': ['ACME_URL'],
  'Missing environment variables:\n    ACME_URL: undefined\n    ACME_KEY: undefined': [
    'ACME_URL',
    'ACME_KEY',
  ],
  'The api_key client option must be set either by passing api_key to the client or by setting the OPENAI_API_KEY environment variable':
    ['OPENAI_API_KEY'],
  'ValidationError: 1 validation error for Settings\ngithub_token\n  Field required [type=missing]':
    ['GITHUB_TOKEN'],
  '    key = os.environ["ACME"]': ['ACME'],
  '  const url = new URL(process.env.DATABASE)': ['DATABASE'],
  'sh: 1: TOKEN: parameter not set': ['TOKEN'],
  'environment variable SLACK not found': ['SLACK'],
}
for (const [text, names] of Object.entries(naming)) {
  test(`named by: ${text.slice(0, 60)}`, () => assert.deepEqual(namesFor(text), names))
}

test('words that name no variable name none', () => {
  for (const text of [
    '',
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'x'",
    "code: 'MODULE_NOT_FOUND', requireStack: []",
    '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed',
    'listen EADDRINUSE: address already in use 127.0.0.1:80',
    "KeyError: 'name'",
    'JSON is required',
    'SET is not set, says a liar; PORT is not set',
    "No module named 'acme_key_store'",
    'Open it in your EDITOR',
  ]) {
    assert.equal(hintFor(text), '', text)
  }
})

test('a key that has no name gets the general advice', () => {
  assert.match(
    hintFor('botocore.exceptions.NoCredentialsError: Unable to locate credentials'),
    /only: give it what it needs with --pass-env NAME or --env-file FILE\.$/,
  )
  assert.match(hintFor('Fatal: missing API key'), /--pass-env NAME/)
})

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'

import { fillInForm, offerLink } from '../../src/client/prompts.ts'
import type { Filled } from '../../src/client/prompts.ts'
import { questionsOf } from '../../src/client/questions.ts'
import { sampleByHand } from '../../src/client/sampling.ts'

const enter = '\r'
const down = '\u001b[B'
const space = ' '
const ctrlC = '\u0003'

/** Types each of `keys` when what stands before it has been shown. */
function typist(script: [shown: string, keys: string][]): {
  screen: { input: PassThrough; output: PassThrough }
  shown: () => string
} {
  const input = new PassThrough()
  const output = new PassThrough()
  const steps = [...script]
  let shown = ''
  let since = 0
  output.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
    const [step] = steps
    if (step && shown.slice(since).includes(step[0])) {
      steps.shift()
      since = shown.length
      // The prompt listens when it has drawn itself.
      setImmediate(() => input.write(step[1]))
    }
  })
  return { screen: { input, output }, shown: () => shown }
}

function fill(schema: unknown, script: [string, string][], signal?: AbortSignal): Promise<Filled> {
  const { screen } = typist(script)
  const never = new AbortController().signal
  return fillInForm('Well?', questionsOf(schema), {}, screen, signal ?? never)
}

const twoTexts = {
  properties: { a: { type: 'string', title: 'Alpha' }, b: { type: 'string', title: 'Beta' } },
}
const nights = {
  properties: { nights: { type: 'integer', title: 'Nights', minimum: 1, default: 3 } },
  required: ['nights'],
}
const several = {
  properties: {
    name: { type: 'string', title: 'Name', minLength: 2 },
    mail: { type: 'string', title: 'Mail', format: 'email' },
    extras: { type: 'array', title: 'Extras', items: { enum: ['sea', 'sun'] }, minItems: 1 },
    late: { type: 'boolean', title: 'Late' },
  },
  required: ['name', 'extras'],
}

test('a default is taken by pressing enter', async () => {
  const filled = await fill(nights, [
    ['Well?', enter],
    ['Nights', enter],
  ])
  assert.deepEqual(filled, { action: 'accept', content: { nights: 3 } })
})

test('an answer that does not fit is asked for again', async () => {
  const filled = await fill(nights, [
    ['Well?', enter],
    ['Nights', `\u007f0${enter}`],
    ['Give a whole number from 1 up', `\u007f7${enter}`],
  ])
  assert.deepEqual(filled, { action: 'accept', content: { nights: 7 } })
})

test('a form of several fields is filled in, optional ones left open, and reviewed', async () => {
  const filled = await fill(several, [
    ['Well?', enter],
    ['Name', `Ana${enter}`],
    ['Mail (optional)', enter],
    ['Extras', enter],
    ['Choose at least 1', `${down}${space}${enter}`],
    ['Late (optional)', `${down}${down}${enter}`],
    ['Send these answers?', enter],
  ])
  assert.deepEqual(filled, { action: 'accept', content: { name: 'Ana', extras: ['sun'] } })
})

test('answers can be changed before they are sent', async () => {
  const form = { ...twoTexts, required: ['a', 'b'] }
  const filled = await fill(form, [
    ['Well?', enter],
    ['Alpha', `one${enter}`],
    ['Beta', `two${enter}`],
    ['Send these answers?', `${down}${enter}`],
    ['Alpha', `three${enter}`],
    ['Beta', `four${enter}`],
    ['Send these answers?', enter],
  ])
  assert.deepEqual(filled, { action: 'accept', content: { a: 'three', b: 'four' } })
})

test('a form can be declined before anything is typed, and after everything is', async () => {
  assert.deepEqual(await fill(nights, [['Well?', `${down}${enter}`]]), { action: 'decline' })
  const form = twoTexts
  const script: [string, string][] = [
    ['Well?', enter],
    ['Alpha', enter],
    ['Beta', enter],
    ['Send these answers?', `${down}${down}${enter}`],
  ]
  assert.deepEqual(await fill(form, script), { action: 'decline' })
})

test('a single choice or yes-no offers to decline among its answers', async () => {
  const kind = {
    properties: {
      kind: { type: 'string', enum: ['x', 'y'], enumNames: ['Ex', 'Why'], default: 'y' },
    },
    required: ['kind'],
  }
  assert.deepEqual(await fill(kind, [['Why', enter]]), { action: 'accept', content: { kind: 'y' } })
  assert.deepEqual(await fill(kind, [['Why', `${down}${enter}`]]), { action: 'decline' })
  const book = { properties: { book: { type: 'boolean' } }, required: ['book'] }
  const no = await fill(book, [['No', `${down}${enter}`]])
  assert.deepEqual(no, { action: 'accept', content: { book: false } })
})

test('Ctrl-C cancels at any point, and so does the end of the request', async () => {
  assert.deepEqual(await fill(nights, [['Well?', ctrlC]]), { action: 'cancel' })
  assert.deepEqual(
    await fill(nights, [
      ['Well?', enter],
      ['Nights', ctrlC],
    ]),
    { action: 'cancel' },
  )
  const gone = new AbortController()
  const pending = fill(nights, [], gone.signal)
  gone.abort()
  assert.deepEqual(await pending, { action: 'cancel' })
})

test('a link is shown with its host and never opened by itself', async () => {
  const url = new URL('https://pay.example/step?id=1')
  const signal = new AbortController().signal
  const yes = typist([['Do you go there?', enter]])
  assert.equal(await offerLink('Pay first', url, yes.screen, signal), 'accept')
  assert.match(yes.shown(), /https:\/\/pay\.example\/step\?id=1[^]*The page is at pay\.example/)
  const no = typist([['Do you go there?', `${down}${enter}`]])
  assert.equal(await offerLink('Pay first', url, no.screen, signal), 'decline')
})

test('what a server writes cannot command the terminal', async () => {
  const { screen, shown } = typist([['Name', ctrlC]])
  const question = '\u001b]0;owned\u0007Name\u001b[2J\u202e'
  const form = { properties: { a: { type: 'boolean' } } }
  await fillInForm(question, questionsOf(form), {}, screen, new AbortController().signal)
  assert.doesNotMatch(shown(), /owned|\u001b\[2J|\u202e/)
})

test('sampling by hand writes the reply of the user, or refuses', async () => {
  const request = {
    systemPrompt: 'Be brief.',
    messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'Tips?' } }],
    maxTokens: 10,
  }
  const signal = new AbortController().signal
  const write = typist([
    ['Do you write the reply?', enter],
    ['Your reply', `Eat.${enter}${enter}`],
  ])
  const result = await sampleByHand(request, write.screen, signal)
  assert.deepEqual(result.content, { type: 'text', text: 'Eat.' })
  assert.match(write.shown(), /Be brief\.[^]*user: Tips\?/)
  const refuse = typist([['Do you write the reply?', `${down}${enter}`]])
  await assert.rejects(sampleByHand(request, refuse.screen, signal), {
    code: -1,
    message: 'User rejected sampling request',
  })
})

test('what is no page that can be trusted on its way is shown, and declined by itself', async () => {
  for (const page of [
    'http://pay.example/',
    'http://127.evil.example/',
    'http://localhost.evil.example/',
    'http://127.0.0.1@evil.example/',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'data:text/html,x',
    'ssh://-oProxyCommand=x/',
    'vbscript:x',
    'blob:https://pay.example/1',
    'view-source:https://pay.example/',
  ]) {
    const { screen, shown } = typist([])
    const { signal } = new AbortController()
    assert.equal(await offerLink('Pay first', new URL(page), screen, signal), 'decline', page)
    assert.ok(shown().includes(new URL(page).href), page)
    assert.match(shown(), /Do not open it/)
  }
})

test('pages of this machine may be http, and what an address seems to be is told', async () => {
  for (const [page, says] of [
    ['http://127.0.0.1:7/', /page is at 127\.0\.0\.1:7/],
    ['http://[::1]/', /page is at \[::1\]/],
    ['http://localhost:7/x', /page is at localhost:7/],
    ['https://good.example@evil.example/', /before @ in the link is no address/],
    ['https://\u0430pple.example/', /letters in it that may look like others/],
  ] as const) {
    const { screen, shown } = typist([['Do you go there', enter]])
    const { signal } = new AbortController()
    assert.equal(await offerLink('Pay first', new URL(page), screen, signal), 'accept', page)
    assert.match(shown(), says)
  }
})

test('of what is too long to be drawn only the beginning is shown', async () => {
  const long = 'x'.repeat(2_000_000)
  const properties = {
    a: { type: 'string', title: `A${long}`, default: long },
    b: { type: 'string', title: 'Second', enum: [long, 'short'], enumNames: [`N${long}`, 'M'] },
  }
  const { screen, shown } = typist([
    ['Decline', enter],
    ['proposes', enter],
    ['Leave it open', enter],
    ['Send these', enter],
  ])
  const { signal } = new AbortController()
  const questions = questionsOf({ properties })
  const filled = await fillInForm(`M${long}`, questions, {}, screen, signal)
  assert.deepEqual(filled, { action: 'accept', content: { b: long } })
  assert.ok(shown().length < 200_000, String(shown().length))
})

import type { Readable, Writable } from 'node:stream'

import { isCancel, log, multiselect, select, text } from '@clack/prompts'

import { plain, plainLine } from '../ground/terminal.ts'
import { brief } from '../ground/text.ts'
import { checkAnswer, hintOf, readAnswer } from './answers.ts'
import { warningsOf, whyNotOffered } from './links.ts'
import type { Question } from './question.ts'

export interface Screen {
  input: Readable
  output: Writable
}

/** What the user made of a form. `content` has the fields that were answered. */
export type Filled =
  { action: 'accept'; content: Record<string, unknown> } | { action: 'decline' | 'cancel' }

type Answer =
  { action: 'accept'; value: unknown } | { action: 'skip' } | { action: 'decline' | 'cancel' }

/**
 * Asks at the terminal for what `content` does not have yet. Ctrl-C and Esc cancel; declining is
 * always offered before anything has to be typed.
 */
export async function fillInForm(
  message: string,
  questions: Question[],
  content: Record<string, unknown>,
  screen: Screen,
  signal: AbortSignal,
): Promise<Filled> {
  const streams = { ...screen, signal }
  const asked = titleFor(shown(message), streams)
  const [only, ...others] = questions
  if (only !== undefined && others.length === 0 && hasDeclineInside(only)) {
    const answer = await askOne(asked, only, streams, true)
    if (answer.action === 'decline' || answer.action === 'cancel') return answer
    return { action: 'accept', content: { ...content, ...contentOf(only, answer) } }
  }

  const first = await choose(asked, { answer: 'Answer', decline: 'Decline' }, streams)
  if (first !== 'answer') return { action: first }
  for (;;) {
    const filled = { ...content }
    for (const question of questions) {
      const answer = await askOne(titleOf(question), question, streams, false)
      if (answer.action === 'cancel' || answer.action === 'decline') return answer
      Object.assign(filled, contentOf(question, answer))
    }
    if (questions.length < 2) return { action: 'accept', content: filled }
    const next = await choose(
      'Send these answers?',
      { answer: 'Send', change: 'Change them', decline: 'Decline' },
      streams,
    )
    if (next === 'answer') return { action: 'accept', content: filled }
    if (next !== 'change') return { action: next }
  }
}

/**
 * Shows a link, opens nothing, and asks whether the user goes there. One that is no page of the web,
 * or could be changed on its way, is only shown, and declined.
 */
export async function offerLink(
  message: string,
  url: URL,
  screen: Screen,
  signal: AbortSignal,
): Promise<'accept' | 'decline' | 'cancel'> {
  const streams = { ...screen, signal }
  const address = brief(plainLine(url.href), messageLength)
  const refusal = whyNotOffered(url)
  if (refusal !== undefined) {
    log.step(`${shown(message)}\n\n${address}`, streams)
    log.warn(`${refusal} Do not open it. Declined.`, streams)
    return 'decline'
  }
  log.step(`${shown(message)}\n\n${address}\n\nThe page is at ${plainLine(url.host)}.`, streams)
  for (const warning of warningsOf(url)) log.warn(warning, streams)
  const choice = await choose(
    'Open the link in your browser only if you trust it. Do you go there?',
    { answer: 'Yes, I open it', decline: 'No' },
    streams,
  )
  return choice === 'answer' ? 'accept' : choice
}

/** A prompt is drawn anew with every key: one of a megabyte takes seconds each time. */
const messageLength = 4000
const messageLines = 60
const titleLength = 500
const titleLines = 6
const lineLength = 400

const shown = (message: string): string =>
  brief(plain(message), messageLength).split('\n').slice(0, messageLines).join('\n')

/** A message that would push what can be chosen off the screen stands above the prompt. */
function titleFor(message: string, streams: Streams): string {
  const isLong = message.length > titleLength || message.split('\n').length > titleLines
  if (!isLong) return message
  log.step(message, streams)
  return 'Do you answer?'
}

type Streams = Screen & { signal: AbortSignal }

async function choose<C extends string>(
  message: string,
  choices: Record<C, string>,
  streams: Streams,
): Promise<C | 'cancel'> {
  const options = Object.entries<string>(choices).map(([value, label]) => ({ value, label }))
  const chosen = await select({ message, options, showInstructions: false, ...streams })
  return isCancel(chosen) ? 'cancel' : (chosen as C)
}

function hasDeclineInside({ kind }: Question): boolean {
  return kind === 'yes-no' || kind === 'choice'
}

function titleOf(question: Question): string {
  const parts = [question.description, hintOf(question)].filter((part) => part !== undefined)
  const optional = question.isRequired ? '' : ' (optional)'
  const more = parts.length > 0 ? `: ${parts.join('; ')}` : ''
  return brief(plainLine(`${question.title}${optional}${more}`), lineLength)
}

function contentOf(question: Question, answer: Answer): Record<string, unknown> {
  return answer.action === 'accept' ? { [question.key]: answer.value } : {}
}

function askOne(
  message: string,
  question: Question,
  streams: Streams,
  canDecline: boolean,
): Promise<Answer> {
  switch (question.kind) {
    case 'yes-no': {
      const options = [
        { value: true, title: 'Yes' },
        { value: false, title: 'No' },
      ]
      return askChoice(message, question, options, streams, canDecline)
    }
    case 'choice':
      return askChoice(message, question, question.options, streams, canDecline)
    case 'choices':
      return askChoices(message, question, streams)
    case 'text':
    case 'number':
    case 'json':
      return askText(message, question, streams)
  }
}

async function askChoice(
  message: string,
  question: Question,
  options: { value: unknown; title: string }[],
  streams: Streams,
  canDecline: boolean,
): Promise<Answer> {
  const preset = options.findIndex(({ value }) => value === question.preset)
  const chosen = await select({
    message,
    options: [
      ...options.map(({ title }, index) => ({
        value: String(index),
        label: brief(plainLine(title), lineLength),
      })),
      ...(question.isRequired ? [] : [{ value: 'skip', label: 'Leave it open' }]),
      ...(canDecline ? [{ value: 'decline', label: 'Decline to answer' }] : []),
    ],
    showInstructions: false,
    ...(preset >= 0 && { initialValue: String(preset) }),
    ...streams,
  })
  if (isCancel(chosen)) return { action: 'cancel' }
  if (chosen === 'skip') return { action: 'skip' }
  if (chosen === 'decline') return { action: 'decline' }
  return { action: 'accept', value: options[Number(chosen)]?.value }
}

async function askChoices(
  message: string,
  question: Question & { kind: 'choices' },
  streams: Streams,
): Promise<Answer> {
  const { options, preset } = question
  const presets: unknown[] = Array.isArray(preset) ? preset : []
  const indexes = options.map((_, index) => String(index))
  const initialValues = indexes.filter((index) => presets.includes(options[Number(index)]?.value))
  for (;;) {
    const chosen = await multiselect({
      message: `${message} (space to choose, enter when done)`,
      options: options.map(({ title }, index) => ({
        value: String(index),
        label: brief(plainLine(title), lineLength),
      })),
      initialValues,
      required: false,
      showInstructions: false,
      ...streams,
    })
    if (isCancel(chosen)) return { action: 'cancel' }
    if (chosen.length === 0 && !question.isRequired) return { action: 'skip' }
    const values = chosen.map((index) => options[Number(index)]?.value)
    const checked = checkAnswer(question, values)
    if ('value' in checked) return accepted(checked, streams)
    log.warn(brief(plainLine(checked.problem), lineLength), streams)
  }
}

async function askText(message: string, question: Question, streams: Streams): Promise<Answer> {
  const { preset } = question
  // What is seen is what is sent.
  const begun =
    preset === undefined ? '' : plain(typeof preset === 'string' ? preset : JSON.stringify(preset))
  const isLong = begun.length > messageLength
  const typed = await text({
    message: isLong ? `${message} (what the server proposes is too long to show)` : message,
    ...(begun !== '' && !isLong && { initialValue: begun }),
    validate: (value) => {
      if (!value) return question.isRequired ? 'An answer is needed.' : undefined
      const checked = readAnswer(question, value)
      return 'problem' in checked ? brief(plainLine(checked.problem), lineLength) : undefined
    },
    ...streams,
  })
  if (isCancel(typed)) return { action: 'cancel' }
  const checked = typed ? readAnswer(question, typed) : undefined
  if (checked === undefined || 'problem' in checked) return { action: 'skip' }
  return accepted(checked, streams)
}

function accepted({ value, note }: { value: unknown; note?: string }, streams: Streams): Answer {
  if (note !== undefined) log.warn(note, streams)
  return { action: 'accept', value }
}

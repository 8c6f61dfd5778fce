import { bounded, tooLong, validatorOf } from './bounded.ts'
import type { ChoicesQuestion, NumberQuestion, Option, Question, TextQuestion } from './question.ts'

/**
 * A valid value, or one sentence on what is wrong with what was given. `note`: what could not be
 * checked of it.
 */
export type Checked = { value: unknown; note?: string } | { problem: string }

/** Says whether `value` answers the question, by the rules that servers check it with. */
export function checkAnswer(question: Question, value: unknown): Checked {
  if (value === undefined) return { problem: 'An answer is needed.' }
  const problem = problemOf(question, value)
  if (problem === tooLong) return { value, note: unchecked }
  if (problem !== undefined) return { problem }
  try {
    const checked = bounded(() => validatorOf(question.schema)(value))
    if (checked === tooLong) return { value, note: unchecked }
    return checked.valid ? { value } : { problem: `Not valid: ${checked.errorMessage}.` }
  } catch {
    // The schema itself is beyond the validator; the server will judge.
    return { value }
  }
}

const unchecked =
  'The answer could not be checked: a pattern of the server takes too long. The server will judge.'

/** Reads an answer that was typed or given as text, and checks it. */
export function readAnswer(question: Question, text: string): Checked {
  const trimmed = text.trim()
  switch (question.kind) {
    case 'text':
      return checkAnswer(question, text)
    case 'number':
      return checkAnswer(question, trimmed === '' ? NaN : Number(trimmed))
    case 'yes-no':
      return checkAnswer(question, yesNo.get(trimmed.toLowerCase()) ?? text)
    case 'choice':
      return checkAnswer(question, optionNamed(question.options, trimmed))
    case 'choices': {
      const parts = trimmed.split(',').filter((part) => part.trim() !== '')
      const values = parts.map((part) => optionNamed(question.options, part.trim()))
      return checkAnswer(question, values)
    }
    case 'json':
      try {
        return checkAnswer(question, JSON.parse(text))
      } catch {
        return { problem: 'Give JSON.' }
      }
  }
}

/** What a valid answer looks like, in half a sentence; undefined where everything goes. */
export function hintOf(question: Question): string | undefined {
  switch (question.kind) {
    case 'text':
      return question.format === undefined ? undefined : formats.get(question.format)
    case 'number':
      return numberHint(question)
    case 'choices':
      return countHint(question)
    case 'json':
      return 'JSON'
    case 'yes-no':
    case 'choice':
      return undefined
  }
}

const formats = new Map([
  ['email', 'an e-mail address, for instance ana@example.com'],
  ['uri', 'a full address, for instance https://example.com/page'],
  ['date', 'a date as year-month-day, for instance 2026-11-20'],
  ['date-time', 'a time with its zone, for instance 2026-11-20T18:30:00Z'],
])

const yesNo = new Map([
  ...['true', 'yes', 'y'].map((word) => [word, true] as const),
  ...['false', 'no', 'n'].map((word) => [word, false] as const),
])

type Problem = string | undefined | typeof tooLong

function problemOf(question: Question, value: unknown): Problem {
  switch (question.kind) {
    case 'text':
      return typeof value === 'string' ? textProblem(question, value) : 'Give a text.'
    case 'number':
      return isNumberFor(question, value) ? undefined : `Give ${numberHint(question)}.`
    case 'yes-no':
      return typeof value === 'boolean' ? undefined : 'Say yes or no.'
    case 'choice':
      return isAmong(question.options, value) ? undefined : `Choose one of: ${list(question)}.`
    case 'choices':
      return choicesProblem(question, value)
    case 'json':
      return undefined
  }
}

function textProblem(question: TextQuestion, value: string): Problem {
  const { format, minLength, maxLength, pattern } = question
  // JSON Schema counts characters, not the halves that JavaScript makes of some of them.
  const length = Array.from(value).length
  if (length < minLength) return `Give at least ${count(minLength, 'character')}.`
  if (length > maxLength) return `Give at most ${count(maxLength, 'character')}.`
  if (format !== undefined) {
    const expected = formats.get(format)
    const isFit = validatorOf({ type: 'string', format })(value).valid
    if (expected !== undefined && !isFit) return `Give ${expected}.`
  }
  if (pattern === undefined) return undefined
  const isFit = matches(pattern, value)
  if (isFit === tooLong) return tooLong
  return isFit ? undefined : `It has to match ${pattern}`
}

function matches(pattern: string, value: string): boolean | typeof tooLong {
  try {
    return bounded(() => new RegExp(pattern, 'u').test(value))
  } catch {
    // Not a pattern that this engine knows; the server will judge.
    return true
  }
}

function isNumberFor(question: NumberQuestion, value: unknown): boolean {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false
  if (question.isInteger && !Number.isInteger(value)) return false
  return value >= question.minimum && value <= question.maximum
}

function numberHint({ isInteger, minimum, maximum }: NumberQuestion): string {
  const noun = isInteger ? 'a whole number' : 'a number'
  if (minimum === -Infinity && maximum === Infinity) return noun
  if (maximum === Infinity) return `${noun} from ${minimum} up`
  if (minimum === -Infinity) return `${noun} up to ${maximum}`
  return `${noun} from ${minimum} to ${maximum}`
}

function choicesProblem(question: ChoicesQuestion, value: unknown): string | undefined {
  if (!Array.isArray(value)) return 'Give a list.'
  const isKnown = value.every((one) => isAmong(question.options, one))
  if (!isKnown) return `Choose from: ${list(question)}.`
  const isFit = value.length >= question.minItems && value.length <= question.maxItems
  return isFit ? undefined : `Choose ${countHint(question) ?? 'some'}.`
}

function countHint({ minItems, maxItems }: ChoicesQuestion): string | undefined {
  if (minItems === maxItems) return `exactly ${minItems}`
  if (maxItems !== Infinity)
    return minItems > 0 ? `${minItems} to ${maxItems}` : `up to ${maxItems}`
  return minItems > 0 ? `at least ${minItems}` : undefined
}

function optionNamed(options: Option[], text: string): unknown {
  const byValue = options.find(({ value }) => String(value) === text)
  const byTitle = options.find(({ title }) => title.toLowerCase() === text.toLowerCase())
  return (byValue ?? byTitle)?.value ?? text
}

function isAmong(options: Option[], value: unknown): boolean {
  return options.some((option) => option.value === value)
}

function list({ options }: { options: Option[] }): string {
  return options.map(({ value }) => String(value)).join(', ')
}

function count(number: number, noun: string): string {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`
}

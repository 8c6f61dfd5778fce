import { closest } from '../ground/closest.ts'
import { messageOf } from '../ground/errors.ts'
import { plainLine } from '../ground/terminal.ts'
import { readAnswer } from './answers.ts'
import type { Checked } from './answers.ts'
import { boundedValidator } from './bounded.ts'
import { Failure } from './failures.ts'
import { questionsOf } from './questions.ts'
import type { Fields } from './fields.ts'

/**
 * Reads `key=value …`, or one JSON object. A value is read as the type that the schema wants; a
 * key that is given several times makes a list.
 *
 * @throws Failure
 */
export function argumentsOf(words: readonly string[], fields: Fields): Record<string, unknown> {
  const [first, ...more] = words
  if (first?.startsWith('{') === true) {
    if (more.length > 0) throw new Failure('Give the arguments as key=value or as JSON, not both.')
    return objectOf(first)
  }
  const texts = new Map<string, string[]>()
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 1) {
      throw new Failure(plainLine(`${word} is no argument. Write key=value, or one JSON object.`))
    }
    const key = word.slice(0, at)
    texts.set(key, [...(texts.get(key) ?? []), word.slice(at + 1)])
  }
  const names = Object.keys(fields.properties)
  const entries = [...texts].map(([key, given]) => {
    const schema = fields.properties[key]
    if (schema === undefined && fields.isClosed) throw new Failure(unknownText(key, names))
    const checked = valueOf(key, schema ?? {}, given)
    if ('problem' in checked) throw new Failure(plainLine(`${key}: ${checked.problem}`))
    return [key, checked.value] as const
  })
  return Object.fromEntries(entries)
}

export function unknownText(key: string, names: string[]): string {
  const meant = closest(key, names)
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
  const all = names.length === 0 ? 'It takes none.' : `It takes: ${names.join(', ')}.`
  return plainLine(`There is no argument ${key}.${hint} ${all}`)
}

function objectOf(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Failure(plainLine(`The arguments are not JSON: ${messageOf(error)}.`), error)
  }
  // It begins with a brace.
  return value as Record<string, unknown>
}

function valueOf(key: string, schema: object, given: readonly string[]): Checked {
  const [text = '', ...more] = given
  const [question] = questionsOf({ properties: { [key]: schema } })
  if (question !== undefined && question.kind !== 'json') {
    if (question.kind === 'choices') return readAnswer(question, given.join(','))
    if (more.length > 0) return { problem: 'It is given twice.' }
    return readAnswer(question, text)
  }
  const validate = validatorOf(schema)
  const candidates = more.length > 0 ? [given.map(parsed), [...given]] : candidatesOf(text, schema)
  const fit = candidates.find((candidate) => validate(candidate) === undefined)
  return fit === undefined
    ? { problem: `${validate(candidates[0]) ?? 'it does not fit'}.` }
    : { value: fit }
}

/** What the text may stand for, the likeliest first. */
function candidatesOf(text: string, schema: object): unknown[] {
  const items = text.split(',').map((item) => item.trim())
  const isList = 'type' in schema && schema.type === 'array'
  const lists = isList ? [items.map(parsed), items] : []
  return [parsed(text), ...lists, text, ...(isList ? [] : [items.map(parsed), items])]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** @returns what is wrong, if anything is. */
function validatorOf(schema: object): (value: unknown) => string | undefined {
  // Where it refers to others, or is beyond the validator, the whole is checked later.
  const validate = boundedValidator.getValidator(schema)
  return (value) => validate(value).errorMessage?.replaceAll(/(^|, )data\/?/g, '$1')
}

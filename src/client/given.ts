import { checkAnswer, readAnswer } from './answers.ts'
import type { Checked } from './answers.ts'
import type { Question } from './question.ts'

/** The answers that were given before anything was asked. */
export interface Given {
  /** Undefined when there is none for this question. */
  answerTo(question: Question): Checked | undefined
  /** The keys that nothing asked for. */
  unused(): string[]
}

/**
 * @param pairs key and text, read as the type of the field wants it. The last one of a key
 *   counts; where several can be chosen, all of them.
 * @param values key and value, taken as they are.
 */
export function createGiven(
  pairs: readonly (readonly [string, string])[] = [],
  values: Record<string, unknown> = {},
): Given {
  const texts = new Map<string, string[]>()
  for (const [key, text] of pairs) texts.set(key, [...(texts.get(key) ?? []), text])
  const unused = new Set([...texts.keys(), ...Object.keys(values)])

  return {
    answerTo(question) {
      const { key, kind } = question
      unused.delete(key)
      const given = texts.get(key)
      const last = given?.at(-1)
      if (given !== undefined && last !== undefined) {
        return readAnswer(question, kind === 'choices' ? given.join(',') : last)
      }
      return Object.hasOwn(values, key) ? checkAnswer(question, values[key]) : undefined
    },
    unused: () => [...unused],
  }
}

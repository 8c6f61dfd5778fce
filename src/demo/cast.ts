import { setTimeout as sleep } from 'node:timers/promises'

import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js'

import type { Handlers } from '../client/connect.ts'
import { questionsOf } from '../client/questions.ts'
import type { Question } from '../client/question.ts'
import type { Actor, Stage } from './stage.ts'

/** Somebody who answers from a script. */
export interface Role extends Actor {
  answers: Readonly<Record<string, string | number | boolean>>
  /** What this one's language model writes. */
  tips: string
}

export const ana: Role = {
  name: 'Ana',
  color: 'cyan',
  answers: { destination: 'Lisbon', kind: 'city', nights: 4, adults: 2, children: 1, book: true },
  tips: 'Ride the tram up to the castle. Eat the custard tarts while they are warm.',
}

export const ben: Role = {
  name: 'Ben',
  color: 'magenta',
  answers: { destination: 'the Alps', kind: 'mountains', nights: 7, adults: 1, book: true },
  tips: 'Be on the path at six. Keep an afternoon for the lake.',
}

/** Plays a role: every question and every answer is a line on the stage. */
export function play(role: Role, stage: Stage, paceMs: number): Handlers {
  return {
    async elicit(question, signal) {
      stage.say(role, '?', question.message)
      await sleep(paceMs, undefined, { signal })
      if (question.mode !== 'form') return { action: 'decline' }
      const questions = questionsOf(question.requestedSchema)
      const content: NonNullable<ElicitResult['content']> = {}
      for (const { key, preset } of questions) {
        const value = role.answers[key] ?? preset
        if (value !== undefined) content[key] = value as string | number | boolean
      }
      const isWhole = questions.every(({ key, isRequired }) => !isRequired || key in content)
      if (!isWhole) return { action: 'decline' }
      stage.say(role, '>', questions.map((one) => spoken(one, content[one.key])).join(', '))
      return { action: 'accept', content }
    },
    async sample({ messages }, signal) {
      const texts = messages.flatMap(({ content }) => content)
      const asked = texts.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`))
      stage.say(role, '?', `to ${role.name}'s language model: ${asked.join(' ')}`)
      await sleep(paceMs, undefined, { signal })
      stage.say(role, '>', role.tips)
      return {
        role: 'assistant',
        content: { type: 'text', text: role.tips },
        model: 'script',
        stopReason: 'endTurn',
      }
    },
    notified: () => undefined,
  }
}

function spoken({ kind, title, ...question }: Question, value: unknown): string {
  if (kind === 'yes-no') return value === true ? 'yes' : 'no'
  if (kind === 'number') return `${title.toLowerCase()}: ${String(value)}`
  if (!('options' in question)) return String(value)
  return question.options.find((option) => option.value === value)?.title ?? String(value)
}

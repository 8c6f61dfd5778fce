import { parseJson } from '../../ground/json.ts'
import type { Outcome, Session } from '../client/session.ts'
import type { Channel } from './channels.ts'
import type { ScenarioTool } from './plan.ts'

/** One thing that a session does. Its name is the kind of exchange in the report. */
export interface Step {
  name: string
  /** What it gets back, if all is well. */
  channels: readonly Channel[]
  thinkMs?: number
  /** @param tag what tells this exchange from all others of the session */
  run(session: Session, tag: string): Promise<Outcome>
}

interface How {
  /** Of a bundle's servers. */
  where?: Parameters<Session['nameOf']>[1]
  onProgress?: (message: string) => void
}

const wrong: Outcome = { ok: false, code: 'wrong answer' }

async function callTool(
  session: Session,
  tool: string,
  args: object,
  { where = 'anywhere', onProgress }: How = {},
): Promise<Outcome & { text?: string }> {
  const params = { name: session.nameOf(tool, where), arguments: args }
  const outcome = await session.request('tools/call', params, onProgress).outcome
  if (!outcome.ok) return outcome
  const { content = [], isError } = outcome.result as {
    content?: { text?: string }[]
    isError?: boolean
  }
  if (isError === true) return { ok: false, code: 'tool error' }
  return { ...outcome, text: content.map(({ text = '' }) => text).join('\n') }
}

const textOf = (session: Session, tag: string): string => `${session.watch.canary}.${tag}`

/** A tool that is given a text and has to give it back in some way. */
function sayingTool(name: string, tool: string, channel: Channel, behind = ''): Step {
  return {
    name,
    channels: [channel],
    async run(session, tag) {
      const text = textOf(session, tag)
      const outcome = await callTool(session, tool, { text })
      if (!outcome.ok) return outcome
      const { canary } = session.watch
      if (outcome.text !== `${text}${behind === '' ? '' : `${behind}${canary}`}`) return wrong
      session.watch.matched(channel)
      return outcome
    },
  }
}

export const echo = sayingTool('call', 'echo', 'arguments')
/** The question has the text in it, and the answer the canary. */
export const ask = sayingTool('elicitation', 'ask', 'elicitation', ' ')
export const sample = sayingTool('sampling', 'sample', 'sampling', ' ')

/** Puts the canary everywhere that the worker can put it. */
export const keep: Step = {
  name: 'keep',
  channels: [],
  run: (session) => callTool(session, 'keep', { text: session.watch.canary }, { where: 'home' }),
}

const places = ['memory', 'environment', 'workspace', 'temporary'] as const

/** Gets back what was kept, and whatever else may be there. */
export const recall: Step = {
  name: 'recall',
  channels: places,
  async run(session) {
    const { canary } = session.watch
    const marker = canary.slice(0, 8)
    const outcome = await callTool(session, 'recall', { marker }, { where: 'home' })
    if (!outcome.ok) return outcome
    const read = parseJson(outcome.text ?? '{}', Infinity)
    if (!read.ok) return wrong
    const found = (read.value ?? {}) as Record<string, unknown>
    let isWhole = true
    for (const place of places) {
      if (JSON.stringify(found[place] ?? null).includes(canary)) session.watch.matched(place)
      else isWhole = false
    }
    return isWhole ? outcome : wrong
  },
}

/** Through a bundle: what one of its servers has kept for this session no other one has. */
export const recallElsewhere: Step = {
  name: 'recall elsewhere',
  channels: [],
  async run(session) {
    const { canary } = session.watch
    const marker = canary.slice(0, 8)
    const outcome = await callTool(session, 'recall', { marker }, { where: 'elsewhere' })
    if (!outcome.ok) return outcome
    return outcome.text?.includes(canary) === true ? wrong : outcome
  },
}

const progressSteps = 3

export const report: Step = {
  name: 'progress',
  channels: ['progress'],
  async run(session, tag) {
    const text = textOf(session, tag)
    let heard = 0
    const onProgress = (message: string): void => {
      if (message === text) heard += 1
    }
    const args = { text, steps: progressSteps }
    const outcome = await callTool(session, 'report', args, { onProgress })
    if (!outcome.ok) return outcome
    if (heard !== progressSteps || outcome.text !== text) return wrong
    session.watch.matched('progress')
    return outcome
  },
}

/** Over when the log message has come, which is on another stream than the answer. */
export const announce: Step = {
  name: 'log message',
  channels: ['log'],
  async run(session, tag) {
    const text = textOf(session, tag)
    const logged = session.logged(text)
    const outcome = await callTool(session, 'announce', { text })
    if (!outcome.ok) return outcome
    if (!(await logged)) return { ok: false, code: 'no log message' }
    session.watch.matched('log')
    return outcome
  },
}

export function scenarioStep(tool: ScenarioTool): Step {
  return {
    name: tool.name,
    channels: tool.echoes ? ['arguments'] : [],
    thinkMs: tool.thinkMs,
    async run(session, tag) {
      const { canary } = session.watch
      const args = fillIn(tool.arguments, canary, tag) as object
      const outcome = await callTool(session, tool.name, args)
      if (!outcome.ok || !tool.echoes) return outcome
      if (!JSON.stringify(outcome.result).includes(canary)) return wrong
      session.watch.matched('arguments')
      return outcome
    },
  }
}

function fillIn(value: unknown, canary: string, tag: string): unknown {
  if (typeof value === 'string') {
    return value.replaceAll('${canary}', canary).replaceAll('${tag}', tag)
  }
  if (Array.isArray(value)) return value.map((item) => fillIn(item, canary, tag))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, fillIn(inner, canary, tag)]),
  )
}

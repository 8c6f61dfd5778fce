import type { Writable } from 'node:stream'
import { styleText } from 'node:util'

import { hasColors, plainLine } from '../../ground/terminal.ts'
import type { Live, OpenSession } from './live.ts'
import type { Verb } from './verbs.ts'

/** Says which session it is, and what the server offers, as far as it says so at once. */
export async function greetingOf({ connection, catalogue, handle, isOlder }: OpenSession) {
  const [tools, resources, prompts] = await Promise.allSettled([
    catalogue.tools(),
    catalogue.resources(),
    catalogue.prompts(),
  ])
  const counts = [
    tools.status === 'fulfilled' ? counted(tools.value.length, 'tool') : undefined,
    resources.status === 'fulfilled'
      ? counted(resources.value.resources.length, 'resource')
      : undefined,
    prompts.status === 'fulfilled' ? counted(prompts.value.length, 'prompt') : undefined,
  ].filter((text) => text !== undefined)
  const { agreed, serverName } = connection
  const server = agreed === undefined ? serverName : `${serverName} ${agreed.server.version}`
  const what = counts.length === 0 ? '.' : `: ${counts.join(', ')}.`
  const session = handle === undefined ? 'You are' : `Session ${handle} is open`
  return plainLine(
    `${isOlder && handle !== undefined ? `You are in session ${handle}` : session} at ${server}${what}`,
  )
}

export function promptText(live: Live, stderr: Writable): string {
  const session = live.current()
  const name = session === undefined ? 'no session' : session.connection.serverName
  const text = `${plainLine(name, 30)}>`
  const color = session === undefined ? 'yellow' : 'cyan'
  return `${hasColors(stderr) ? styleText(color, text) : text} `
}

export const hintText =
  'It is one session for as long as you stay. help lists the commands, Tab completes, quit leaves.'

export function helpLines(verbs: readonly Verb[]): string[] {
  const rows = verbs.map(({ name, usage, about }) => [`${name} ${usage}`.trim(), about] as const)
  const all = [...rows, ['help [COMMAND]', 'show this'] as const]
  const width = Math.max(...all.map(([use]) => use.length))
  return [
    ...all.map(([use, about]) => `  ${use.padEnd(width)}  ${about}`),
    '',
    'With --json a command prints the raw result. Ctrl-C cancels what runs, Ctrl-D leaves.',
  ]
}

export function helpOf({ name, usage, about, more = [] }: Verb): string[] {
  return [`${`${name} ${usage}`.trim()}: ${about}.`, ...more]
}

function counted(count: number, what: string): string | undefined {
  return count === 0 ? undefined : `${count} ${what}${count === 1 ? '' : 's'}`
}

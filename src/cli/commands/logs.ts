import type { Readable } from 'node:stream'

import { escapedInJson, isTerminal, outputLine, plainLine } from '../../ground/terminal.ts'
import { adminOptions, findGateway } from '../admin-client.ts'
import type { RunningGateway } from '../admin-client.ts'
import { defineCommand, UsageError } from '../command.ts'
import type { SessionView } from '../session-lines.ts'
import { noMore } from '../values.ts'

export const logs = defineCommand({
  name: 'logs',
  summary: 'Print what the worker of a session has written',
  usage: '[ID] [options]',
  options: {
    ...adminOptions,
    follow: { type: 'boolean', short: 'f', description: 'keep printing until the session ends' },
    lines: {
      type: 'string',
      short: 'n',
      value: 'N',
      description: 'begin with the last N lines (default 1000)',
    },
  },
  details: [
    'ID is the handle that mcp-berth sessions prints. Without it you get the newest session.',
    'A stdio server writes to stderr, because stdout carries MCP. Of an HTTP server you see both.',
  ],
  async run({ positionals, values, stdout, stderr, env, asCalled, signal }) {
    noMore(positionals, 1)
    const lines = Number(values.lines ?? 1000)
    if (!Number.isInteger(lines) || lines < 0) {
      throw new UsageError(`--lines takes a number of lines, not ${values.lines ?? ''}.`)
    }
    const gateway = await findGateway(env, values)
    let [id] = positionals
    if (id === undefined) {
      const answer = (await gateway.fetch('GET', '/api/sessions?all=true')) as {
        sessions: SessionView[]
      }
      id = answer.sessions.at(-1)?.handle
      if (id === undefined) {
        stderr.write('There was no session yet, and so there is no output.\n')
        return 1
      }
    }
    const path = `/api/sessions/${encodeURIComponent(id)}/logs?lines=${lines}&follow=${values.follow}`
    const response = await gateway.stream(path, signal)
    // Whoever pipes it wants what was written, and nobody what it could do to their terminal.
    const shown = isTerminal(stdout) ? outputLine : (text: string) => text
    let hasOutput = false
    try {
      for await (const line of linesOf(response)) {
        hasOutput = true
        stdout.write(`${values.json ? escapedInJson(JSON.stringify({ line })) : shown(line)}\n`)
      }
    } catch (cause) {
      if (!signal.aborted) throw cause
    }
    if (!hasOutput && lines > 0 && !signal.aborted) {
      const why = await whyEnded(gateway, id)
      stderr.write(`The worker of session ${plainLine(id)} has written nothing.${asCalled(why)}\n`)
    }
    return 0
  },
})

/** Of one that never started there is nothing to read but this. */
async function whyEnded(gateway: RunningGateway, id: string): Promise<string> {
  try {
    const path = `/api/sessions/${encodeURIComponent(id)}`
    const { end } = (await gateway.fetch('GET', path)) as SessionView
    if (end === undefined) return ''
    const why = end.message === undefined ? '.' : `: ${end.message}`
    return ` ${plainLine(`The session has ended (${end.reason})${why}`)}`
  } catch {
    // It is forgotten by now.
    return ''
  }
}

/** Not `node:readline`, whose lines simply end where the stream fails. */
async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

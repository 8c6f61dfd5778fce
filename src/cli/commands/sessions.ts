import { writeJson } from '../../ground/terminal.ts'
import { adminOptions, findGateway } from '../admin-client.ts'
import { defineCommand, UsageError } from '../command.ts'
import { writeLines } from '../output.ts'
import type { SessionView } from '../session-lines.ts'
import { sessionLines, sessionTable } from '../session-lines.ts'
import { noMore } from '../values.ts'
import type { WarmStockView } from '../warm-lines.ts'
import { warmTable } from '../warm-lines.ts'

export const sessions = defineCommand({
  name: 'sessions',
  summary: 'List, show or stop the sessions of a running gateway',
  usage: '[list | show ID | stop ID | stop --all] [options]  or  sessions --warm [options]',
  options: {
    ...adminOptions,
    all: {
      type: 'boolean',
      short: 'a',
      description: 'list: also those that ended in the last hour; stop: all of them',
    },
    warm: { type: 'boolean', description: 'list the workers that wait for sessions instead' },
  },
  details: [
    'ID is the short handle in the list, or the beginning of it, or the Mcp-Session-Id.',
    '',
    'exit codes: 0 done, 1 there is no such session, 2 wrong usage, or no gateway is running',
  ],
  async run({ positionals, values, stdout, stderr, env }) {
    const [verb = 'list', id] = positionals
    noMore(positionals, 2)
    if (!['list', 'show', 'stop'].includes(verb)) {
      throw new UsageError(`sessions can list, show and stop, not ${verb}.`)
    }
    const stopsAll = verb === 'stop' && values.all && id === undefined
    if (verb !== 'list' && id === undefined && !stopsAll) {
      throw new UsageError(
        `Which session? mcp-berth sessions lists them; then mcp-berth sessions ${verb} ID.`,
      )
    }
    if (values.warm && verb !== 'list') {
      throw new UsageError(`What waits for a session has none to ${verb}; --warm lists only.`)
    }
    const gateway = await findGateway(env, values)
    if (values.warm) {
      const { servers } = (await gateway.fetch('GET', '/api/warm')) as { servers: WarmStockView[] }
      if (values.json) writeJson(stdout, servers)
      else if (servers.length > 0) writeLines(stdout, warmTable(servers))
      else {
        const hint = 'A server with warm: 2 in the configuration has two that wait.'
        writeLines(stderr, [`No workers are kept warm at ${gateway.url}. ${hint}`])
      }
      return 0
    }
    if (stopsAll) {
      const answer = (await gateway.fetch('GET', '/api/sessions')) as { sessions: SessionView[] }
      const paths = answer.sessions.map(({ handle }) => `/api/sessions/${handle}`)
      const stopped = await Promise.all(paths.map((path) => gateway.fetch('DELETE', path)))
      if (values.json) writeJson(stdout, stopped)
      else writeLines(stderr, [`Stopped ${counted(stopped.length, 'session')}.`])
      return 0
    }
    if (verb === 'list') {
      const path = `/api/sessions${values.all ? '?all=true' : ''}`
      const answer = (await gateway.fetch('GET', path)) as { sessions: SessionView[] }
      if (values.json) writeJson(stdout, answer.sessions)
      else if (answer.sessions.length > 0) writeLines(stdout, sessionTable(answer.sessions))
      else {
        const hint = values.all ? '' : ' With --all those of the last hour are listed too.'
        writeLines(stderr, [`No session is open at ${gateway.url}.${hint}`])
      }
      return 0
    }
    const path = `/api/sessions/${encodeURIComponent(id ?? '')}`
    const method = verb === 'stop' ? 'DELETE' : 'GET'
    const session = (await gateway.fetch(method, path)) as SessionView
    if (values.json) writeJson(stdout, session)
    else if (verb === 'show') writeLines(stdout, sessionLines(session))
    else writeLines(stderr, [`Stopped ${session.handle}.`])
    return 0
  },
})

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

import { openRaw } from '../../support/raw-session.ts'
import type { Attack } from '../attack.ts'
import { callText, hostile } from '../stage.ts'
import { withinLong } from '../wire.ts'

const mib = 1 << 20
/** More than this for one hostile session, and the others are in danger. */
const muchMb = 300

export const memory: Attack[] = [
  {
    section: 'memory',
    tries: 'a worker that never answers initialize and writes without end',
    does: 'the session is not opened; what came is not kept',
    isLong: true,
    async run(scene) {
      const flood = { HOSTILE: 'flood', HOSTILE_MB: '1500' }
      const mcpServers = {
        stdio: hostile(flood),
        http: hostile(flood, { transport: 'http' }),
        relay: hostile(flood, { transport: 'http', relay: true }),
      }
      const stage = await scene.own({ mcpServers })
      for (const server of Object.keys(mcpServers)) {
        const grown = await stage.growthMb(() =>
          withinLong(openRaw(stage.mcp(server)), 20_000).catch(() => undefined),
        )
        scene.tried(`${server}: 1.5 GB`, grown < muchMb && (await stage.isUnharmed()), { grown })
      }
    },
  },
  {
    section: 'memory',
    tries: 'an answer to initialize that is enormous: version, name, capabilities',
    does: 'refused, or shortened before anything keeps it',
    async run(scene) {
      const answer = (result: string): string => `{"jsonrpc":"2.0","id":%id,"result":{${result}}}`
      const info = '"capabilities":{},"serverInfo":{"name":"h","version":"1"}'
      const long = 'v'.repeat(100_000)
      const texts = {
        version: answer(`"protocolVersion":"${long}",${info}`),
        name: answer(
          `"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"${long}","version":"1"}`,
        ),
      }
      const mcpServers = Object.fromEntries(
        Object.entries(texts).map(([name, HOSTILE]) => [name, hostile({ HOSTILE })]),
      )
      const stage = await scene.own({ mcpServers })
      for (const server of Object.keys(texts)) {
        await withinLong(openRaw(stage.mcp(server)), 10_000).catch(() => undefined)
        const isLogged = stage.log().includes('v'.repeat(10_000))
        scene.tried(`a ${server} of 100 KB`, !isLogged && (await stage.isUnharmed()))
      }
    },
  },
  {
    section: 'memory',
    tries: 'a worker that asks and asks, and nobody answers',
    does: 'a limit for open questions and their ids; beyond it this worker is told so',
    isLong: true,
    async run(scene) {
      const stage = await scene.own({
        mcpServers: { stdio: hostile({}), http: hostile({}, { transport: 'http' }) },
      })
      const question = (id: string): string => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`
      for (const [server, what, id, times] of [
        ['stdio', '300 000 questions', '"q%i"', 300_000],
        ['stdio', '300 questions with ids of 1 MB', `"%i${'q'.repeat(mib)}"`, 300],
        ['http', '100 000 questions', '"q%i"', 100_000],
      ] as const) {
        const session = await openRaw(stage.mcp(server))
        const text = question(id)
        const event = `data: ${text}\n\n`
        const before =
          server === 'http'
            ? 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n'
            : ''
        const unit = server === 'http' ? event : `${text}\n`
        const grown = await stage.growthMb(async () => {
          const words = { before, say: [unit], times, answer: server === 'stdio' }
          const answer = await withinLong(session.call('say', words), 20_000).catch(() => undefined)
          if (typeof answer === 'object') await withinLong(answer.text(), 5000).catch(() => '')
        })
        scene.tried(what, grown < muchMb && (await stage.isUnharmed()), { grown })
        await session.remove().catch(() => undefined)
      }
    },
  },
  {
    section: 'memory',
    tries: 'a line or an event without an end',
    does: 'it is cut off at a limit; the session ends, and only this one',
    isLong: true,
    async run(scene) {
      const stage = await scene.own({ mcpServers: { stdio: hostile({}) } })
      const session = await openRaw(stage.mcp('stdio'))
      const say = ['x'.repeat(mib)]
      const grown = await stage.growthMb(async () => {
        const asked = session.call('say', { say, times: 1500, answer: false })
        const answer = await withinLong(asked, 20_000).catch(() => undefined)
        if (typeof answer === 'object') await withinLong(answer.text(), 5000).catch(() => '')
      })
      scene.tried('1.5 GB of one line', grown < muchMb && (await stage.isUnharmed()), { grown })
    },
  },
  {
    section: 'memory',
    tries: 'a worker that fills its standard error, whose lines go to the log',
    does: 'a limit for each session; how much was left out is said once',
    isLong: true,
    async run(scene) {
      const stage = await scene.own({ mcpServers: { stdio: hostile({}) } })
      const session = await openRaw(stage.mcp('stdio'))
      const before = stage.log().length
      await callText(session, 'stderr', { value: `${'e'.repeat(200)}%i\n`, times: 300_000 })
      const grown = Math.round((stage.log().length - before) / 1e6)
      scene.tried('60 MB in lines of 200', grown < 20 && (await stage.isUnharmed()), { grown })
    },
  },
]

import { createServer } from 'node:http'

import { listening } from '../../support/listening.ts'
import { postRpc, rawRequest } from '../../support/raw-http.ts'
import { initializeMessage, openRaw } from '../../support/raw-session.ts'
import type { Attack } from '../attack.ts'
import { hostile } from '../stage.ts'
import { postBytes, rawBytes, withinLong } from '../wire.ts'

export const answers: Attack[] = [
  {
    section: 'answers',
    tries: 'two requests of one session with the same id',
    does: 'the second is refused before it is forwarded',
    async run(scene) {
      const stage = await scene.gateway()
      for (const server of ['stdio', 'http']) {
        const session = await openRaw(stage.mcp(server))
        const call = (ms: number) => ({
          jsonrpc: '2.0',
          id: 'same',
          method: 'tools/call',
          params: { name: 'sleep', arguments: { ms } },
        })
        const first = session.post(call(1500))
        await withinLong(new Promise(() => undefined), 300)
        const second = await session.post(call(0))
        scene.tried(`${server}: the second`, second.status === 400, second.status)
        scene.tried(`${server}: the first has its answer`, /slept/.test(await (await first).text()))
        const third = await session.post(call(0))
        scene.tried(`${server}: then the id is free again`, third.status === 200, third.status)
      }
    },
  },
  {
    section: 'answers',
    tries: 'an answer to initialize with both a result and an error',
    does: 'error: null is a result; anything else is an error, and no session is named',
    async run(scene) {
      const result =
        '"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"h","version":"1"}}'
      const answer = (error: string): string =>
        `{"jsonrpc":"2.0","id":%id,${result},"error":${error}}`
      const cases = [
        ['null', true],
        ['{"code":-32000,"message":"no"}', false],
      ] as const
      const mcpServers = Object.fromEntries(
        cases.flatMap(([error], at) => [
          [`stdio${at}`, hostile({ HOSTILE: answer(error) })],
          [`http${at}`, hostile({ HOSTILE: answer(error) }, { transport: 'http' })],
        ]),
      )
      const stage = await scene.own({ mcpServers })
      for (const [at, [error, isSession]] of cases.entries()) {
        for (const kind of ['stdio', 'http']) {
          const opened = await postRpc(stage.mcp(`${kind}${at}`), initializeMessage())
          const named = opened.headers['mcp-session-id'] !== undefined
          scene.tried(`${kind}: error ${error}`, named === isSession, opened.status)
        }
      }
    },
  },
  {
    section: 'answers',
    tries: 'the same address in other words: a slash at its end, a whole URL, HEAD',
    does: 'answered as the usual one is',
    async run(scene) {
      const { url, port } = await scene.gateway()
      for (const path of ['/mcp', '/mcp/', '/servers/good/mcp', '/servers/good/mcp/']) {
        const { status } = await postRpc(`${url}${path}`, initializeMessage())
        scene.tried(`POST ${path}`, status === 200, status)
      }
      const body = JSON.stringify(initializeMessage())
      const lines = [`Host: 127.0.0.1:${port}`, `Content-Length: ${body.length}`]
      const whole = await rawBytes(port, postBytes(`http://127.0.0.1:${port}/mcp`, lines, body))
      scene.tried('POST of the whole URL', whole.status === 200, whole.text)
      const foreign = await rawBytes(port, postBytes('http://evil.example/mcp', lines, body))
      scene.tried('POST of the URL of another host', foreign.status >= 400, foreign.text)
      for (const path of ['/healthz', '/readyz']) {
        const { status } = await rawRequest(`${url}${path}`, { method: 'HEAD' })
        scene.tried(`HEAD ${path}`, status === 200, status)
      }
    },
  },
  {
    section: 'answers',
    tries: 'redirects of a worker: to another address of the machine, to other hosts, in circles',
    does: 'within its own origin 307 and 308 are followed; everything else is 502, and is not asked',
    async run(scene) {
      const asked: string[] = []
      const stranger = createServer((request, response) => {
        asked.push(String(request.url))
        response.end()
      })
      const { port } = new URL(await listening(scene, stranger))
      const stage = await scene.gateway()
      const session = await openRaw(stage.mcp('http'))
      const statuses = ['301 A', '302 B', '303 C', '307 D', '308 E']
      const hosts = [`127.0.0.1:${port}`, `localhost:${port}`, 'evil.example']
      for (const status of statuses) {
        for (const place of [...hosts.map((host) => `http://${host}/mcp`), `//${hosts[0]}/`]) {
          const lines = ['content-length: 0', `location: ${place}`, '', '']
          const say = [[`HTTP/1.1 ${status}`, ...lines].join('\r\n')]
          const answer = await session.call('say', { say, answer: false })
          const isPassed = answer.headers.location !== undefined
          scene.tried(`${status.slice(0, 3)} to ${place}`, answer.status === 502 && !isPassed)
        }
      }
      const circle = 'HTTP/1.1 307 X\r\ncontent-length: 0\r\nlocation: /mcp\r\n\r\n'
      const round = await session.call('say', { say: [circle], answer: false })
      scene.tried('307 to where it came from', round.status === 502, round.status)
      scene.tried('nobody else was asked', asked.length === 0, asked)
    },
  },
  {
    section: 'answers',
    tries: 'a worker that sends headers for the whole origin: cookies, challenges, redirects',
    does: 'none of them reaches the client',
    async run(scene) {
      const stage = await scene.gateway()
      const session = await openRaw(stage.mcp('http'))
      const forbidden = [
        ['Set-Cookie', 'a=b'],
        ['WWW-Authenticate', 'Basic'],
        ['Alt-Svc', 'h3=":1"'],
        ['Clear-Site-Data', '"*"'],
        ['Strict-Transport-Security', 'max-age=1'],
        ['Refresh', '0; url=http://evil.example'],
        ['Access-Control-Allow-Origin', '*'],
        ['Content-Security-Policy', 'default-src *'],
        ['Link', '<http://evil.example>; rel=preload'],
        ['Report-To', '{}'],
        ['NEL', '{}'],
        ['Service-Worker-Allowed', '/'],
        ['Proxy-Authenticate', 'Basic'],
        ['X-Accel-Redirect', '/'],
      ] as const
      const lines = forbidden.map((pair) => pair.join(': ')).join('\r\n')
      const text = '{"jsonrpc":"2.0","id":%id,"result":{}}'
      const size = `content-length: ${text.length - 2}`
      const say = [
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${size}\r\n${lines}\r\n\r\n${text}`,
      ]
      const answer = await session.call('say', { say, answer: false })
      const names = answer.rawHeaders
        .filter((_, at) => at % 2 === 0)
        .map((name) => name.toLowerCase())
      for (const [name] of forbidden) {
        scene.tried(name, !names.includes(name.toLowerCase()), names)
      }
    },
  },
]

import { rawRequest } from '../../support/raw-http.ts'
import type { Attack } from '../attack.ts'
import { namesSession, postBytes, rawBytes } from '../wire.ts'

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'a', version: '1' },
  },
})
const length = `Content-Length: ${initialize.length}`

export const front: Attack[] = [
  {
    section: 'front',
    tries: 'names of other hosts: a foreign Host, two Hosts, none, a foreign Origin',
    does: '400, 403 or 421, and no session',
    async run(scene) {
      const { port } = await scene.gateway()
      const own = `Host: 127.0.0.1:${port}`
      for (const [what, lines] of [
        ['a foreign Host', ['Host: evil.example']],
        ['a Host and a foreign one', [own, 'Host: evil.example']],
        ['a foreign Host and the own one', ['Host: evil.example', own]],
        ['the same Host twice', [own, own]],
        ['no Host', []],
        ['an empty Host', ['Host:']],
        ['a Host with a user', [`Host: a@127.0.0.1:${port}`]],
        ['a foreign Origin', [own, 'Origin: https://evil.example']],
        ['the Origin null', [own, 'Origin: null']],
        ['two Origins', [own, `Origin: http://127.0.0.1:${port}`, 'Origin: https://evil.example']],
      ] as const) {
        const answer = await rawBytes(port, postBytes('/mcp', [...lines, length], initialize))
        const isRefused = answer.status >= 400 && answer.status < 500
        scene.tried(what, isRefused && !namesSession(answer), answer.text)
      }
    },
  },
  {
    section: 'front',
    tries: 'requests that two readers would read differently (smuggling)',
    does: '400, and the connection is closed',
    async run(scene) {
      const { port } = await scene.gateway()
      const own = `Host: 127.0.0.1:${port}`
      const chunked = `${initialize.length.toString(16)}\r\n${initialize}\r\n0\r\n\r\n`
      for (const [what, lines, body] of [
        ['two lengths', [own, length, 'Content-Length: 3'], initialize],
        ['a length and chunks', [own, length, 'Transfer-Encoding: chunked'], chunked],
        ['chunks twice', [own, 'Transfer-Encoding: chunked, chunked'], chunked],
        ['an unknown coding', [own, 'Transfer-Encoding: cow'], chunked],
        ['a length with a sign', [own, `Content-Length: +${initialize.length}`], initialize],
        ['a folded header', [own, length, 'X-A: b', ' c: d'], initialize],
        ['a space before the colon', [own, length, 'X-A : b'], initialize],
        ['a zero byte', [own, length, 'X-A: \0'], initialize],
        ['a lone carriage return', [own, length, 'X-A: a\rX-B: b'], initialize],
        ['a chunk of a strange size', [own, 'Transfer-Encoding: chunked'], '-1\r\na\r\n0\r\n\r\n'],
      ] as const) {
        const { status, text, hasClosed } = await rawBytes(port, postBytes('/mcp', lines, body))
        scene.tried(what, status >= 400 && hasClosed, text)
      }
    },
  },
  {
    section: 'front',
    tries: 'other spellings of a path: percent signs, dots, slashes, letters',
    does: 'what they are routed to decides, never how they are written',
    async run(scene) {
      const { url } = await scene.gateway()
      const post = async (path: string): Promise<number> => {
        const { status } = await rawRequest(`${url}${path}`, {
          method: 'POST',
          body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
          },
        })
        return status
      }
      const routed = await post('/servers/good/mcp')
      const unknown = await post('/servers/good/else')
      for (const [path, expected] of [
        ['/servers/good/%6dcp', routed],
        ['/servers/g%6Fod/mcp', routed],
        ['/servers/good/%69nvocations', await post('/servers/good/invocations')],
        ['/servers/good/mcp%2f', unknown],
        ['/servers/good%2fmcp', unknown],
        ['/servers/good/MCP', unknown],
        ['/servers//good/mcp', unknown],
        ['/servers/good/mcp;a=b', unknown],
        ['/servers/good/%256dcp', unknown],
        ['/servers/%2e%2e/admin', unknown],
        ['/servers/good/mcp?a=/../../x', routed],
        ['/servers/__proto__/mcp', unknown],
        ['/servers/constructor/mcp', unknown],
        ['/servers/good/%', 400],
        ['/servers/good/%ff', unknown],
      ] as const) {
        const status = await post(path)
        const held = status === expected || (expected !== routed && [400, 404].includes(status))
        scene.tried(path, held, { status, expected })
      }
    },
  },
  {
    section: 'front',
    tries: 'heads without measure: long targets, long headers, thousands of them, slow ones',
    does: '414 or 431 with a body that says so',
    async run(scene) {
      const { port } = await scene.gateway()
      const own = `Host: 127.0.0.1:${port}`
      for (const [what, target, lines] of [
        ['a header of 200 KB', '/mcp', [`X-A: ${'a'.repeat(200_000)}`]],
        ['50 000 headers', '/mcp', Array.from({ length: 50_000 }, (_, at) => `X-${at}: a`)],
        ['a session id of 200 KB', '/mcp', [`Mcp-Session-Id: ${'a'.repeat(200_000)}`]],
        ['a target of 100 KB', `/mcp?${'a'.repeat(100_000)}`, []],
      ] as const) {
        const bytes = postBytes(target, [own, ...lines, length], initialize)
        const { status, text } = await rawBytes(port, bytes)
        const hasBody = /\r\n\r\n\{.+/s.test(text)
        const isRefused = [400, 404, 414, 431].includes(status)
        scene.tried(what, (isRefused && hasBody) || (target !== '/mcp' && status === 200), text)
      }
    },
  },
  {
    section: 'front',
    tries: 'more connections than the process may have files (ulimit -n 256)',
    does: 'refuses early, says so, and is well again when they have gone',
    async run(scene) {
      const wrap = ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh']
      const stage = await scene.own({}, { wrap })
      const { connect } = await import('node:net')
      const sockets = Array.from({ length: 400 }, () => {
        const socket = connect(stage.port, '127.0.0.1')
        return socket.on('error', () => undefined)
      })
      await Promise.all(
        sockets.map(
          (socket) =>
            new Promise((resolve) => {
              socket.once('connect', resolve)
              socket.once('close', resolve)
            }),
        ),
      )
      const during = stage.ended()
      for (const socket of sockets) socket.destroy()
      scene.tried('400 connections that say nothing', during === undefined, stage.log().slice(-300))
      scene.tried(
        'afterwards the session goes on',
        await stage.isUnharmed(),
        stage.log().slice(-300),
      )
      const { status } = await rawRequest(stage.mcp('http'), {
        method: 'POST',
        body: initialize,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
      })
      scene.tried('afterwards a session is opened', status === 404 || status === 200, status)
    },
  },
]

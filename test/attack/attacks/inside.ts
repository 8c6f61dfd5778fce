import type { RawSession } from '../../support/raw-session.ts'
import { openRaw } from '../../support/raw-session.ts'
import type { Attack, Scene } from '../attack.ts'
import type { Stage } from '../stage.ts'
import { hostile } from '../stage.ts'
import { withinLong } from '../wire.ts'

const deep = (open: string, close: string): string => open.repeat(20_000) + close.repeat(20_000)

/** Ids that JSON-RPC does not know, as JSON. */
export const strangeIds: readonly (readonly [what: string, json: string])[] = [
  ['an object', '{"a":1}'],
  ['an object with toString', '{"toString":0,"valueOf":0}'],
  ['an array', '[1]'],
  ['20 000 arrays', deep('[', ']')],
  ['20 000 objects', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`],
  ['true', 'true'],
  ['a number without end', '1e400'],
  ['a text of 1 MB', `"${'i'.repeat(1_000_000)}"`],
  ['__proto__', '"__proto__"'],
]

/** What a worker says in place of, and before, what it should: whole lines of JSON. */
const messages: readonly (readonly [what: string, json: string])[] = [
  ...strangeIds.flatMap(([what, id]) => [
    [`a request whose id is ${what}`, `{"jsonrpc":"2.0","id":${id},"method":"ping"}`] as const,
    [`a response whose id is ${what}`, `{"jsonrpc":"2.0","id":${id},"result":{}}`] as const,
    [
      `a cancellation of ${what}`,
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`,
    ] as const,
    [
      `progress of ${what}`,
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${id},"progress":1}}`,
    ] as const,
  ]),
  ['a message 30 000 deep', `{"jsonrpc":"2.0","method":"x","params":${deep('[', ']')}}`],
  ['100 000 keys', `{${Array.from({ length: 100_000 }, (_, at) => `"k${at}":0`).join()}}`],
  ['no JSON', 'Traceback (most recent call last):'],
  ['half of a message', '{"jsonrpc":"2.0","id":'],
  ['null', 'null'],
  ['a number', '1'],
  ['a batch', '[{"jsonrpc":"2.0","id":1,"result":{}},[],null]'],
  ['a key __proto__', '{"__proto__":{"id":1},"jsonrpc":"2.0","method":"x"}'],
  ['method twice', '{"jsonrpc":"2.0","method":"a","id":1,"method":{}}'],
  ['lone surrogates', '{"jsonrpc":"2.0","method":"\\ud800"}'],
  ['params of every wrong kind', '{"jsonrpc":"2.0","method":"notifications/message","params":7}'],
]

/** Heads that no HTTP library sends. */
const heads: readonly (readonly [what: string, bytes: string])[] = [
  ['two content types', head(['content-type: application/json', 'content-type: text/html'])],
  ['no content type', head([])],
  ['two lengths', head(['content-type: application/json', 'content-length: 1'])],
  ['an unknown status', 'HTTP/1.1 999 Strange\r\ncontent-length: 2\r\n\r\n{}'],
  ['status 101', 'HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n{}'],
  ['a hundred 100s', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100) + head([])],
  ['a 204 with a body', 'HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\n{}'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(1_000_000)}`],
  ['5 000 headers', head(Array.from({ length: 5000 }, (_, at) => `x-${at}: a`))],
  ['a header of bytes', head(['x-a: \u00ff\u0080\u0001', 'content-type: application/json'])],
  ['a chunk without end', `${head(['transfer-encoding: chunked'], '')}ffffffff\r\n{`],
  ['a chunk of a strange size', `${head(['transfer-encoding: chunked'], '')}-zz\r\n{}\r\n`],
  ['a compressed body that is none', head(['content-encoding: gzip'])],
  ['two session ids', head(['mcp-session-id: a', 'mcp-session-id: b'])],
  ['two answers', `${head([])}${head([])}`],
]

function head(lines: readonly string[], body = '{}'): string {
  const sized = lines.some((line) => /^(content-length|transfer-encoding)/.test(line))
  const all = sized ? lines : [...lines, `content-length: ${body.length}`]
  return ['HTTP/1.1 200 OK', ...all, '', body].join('\r\n')
}

/** As one answer over HTTP: an event of a stream that then ends. */
const asEvent = (json: string): string => {
  const event = `data: ${json}\n\n`
  const size = Buffer.byteLength(event).toString(16)
  const lines = ['HTTP/1.1 200 OK', 'content-type: text/event-stream', 'transfer-encoding: chunked']
  return `${lines.join('\r\n')}\r\n\r\n${size}\r\n${event}\r\n0\r\n\r\n`
}

const asJson = (json: string): string => head(['content-type: application/json'], json)

/** Lets a worker say it in a session of its own, and looks whether anybody else heard. */
async function says(
  scene: Scene,
  stage: Stage,
  server: string,
  what: string,
  bytes: string,
): Promise<void> {
  let session: RawSession | undefined
  try {
    session = await openRaw(stage.mcp(server))
    // What becomes of this call is its own affair; it may have no answer at all.
    const calls = session.call('say', { say: [bytes], answer: server === 'stdio' })
    const answer = await withinLong(calls, 1000).catch(() => undefined)
    if (typeof answer === 'object') await withinLong(answer.text(), 1000).catch(() => undefined)
    if (typeof answer === 'object') answer.abort()
  } catch (error) {
    scene.tried(`${server}: ${what}`, false, String(error))
    return
  }
  const isUnharmed = await stage.isUnharmed()
  scene.tried(`${server}: ${what}`, isUnharmed, stage.log().slice(-300))
  await session.remove().catch(() => undefined)
}

const eachOf = (
  tries: string,
  does: string,
  inputs: () => readonly (readonly [server: string, what: string, bytes: string])[],
  isLong: boolean,
): Attack => ({
  section: 'inside',
  tries,
  does,
  ...(isLong ? { isLong: true as const } : {}),
  async run(scene) {
    for (const [server, what, bytes] of inputs()) {
      await says(scene, await scene.gateway(), server, what, bytes)
    }
  },
})

const unharmed = 'passed on or dropped; nobody but this session hears of it'

export const inside: Attack[] = [
  eachOf(
    'JSON-RPC ids that are no texts and no numbers, from a worker',
    unharmed,
    () =>
      messages.slice(0, 8).flatMap(([what, json]) => [
        ['stdio', what, `${json}\n`],
        ['http', what, asEvent(json)],
      ]),
    false,
  ),
  eachOf(
    'messages that are none, from a worker: on stdio, as JSON, as events',
    unharmed,
    () =>
      messages.slice(8).flatMap(([what, json]) => [
        ['stdio', what, `${json}\n`],
        ['http', `${what}, as JSON`, asJson(json)],
        ['http', `${what}, as an event`, asEvent(json)],
      ]),
    true,
  ),
  eachOf(
    'heads and bodies that break HTTP, from a worker',
    'a 502 that names it, for this request alone',
    () => heads.map(([what, bytes]) => ['http', what, bytes]),
    false,
  ),
  {
    section: 'inside',
    tries: 'the same before the answer to initialize',
    does: 'the session is not opened; the others go on',
    isLong: true,
    async run(scene) {
      const answersOf = messages.filter(([, json]) => json.length < 100_000)
      const mcpServers = Object.fromEntries(
        answersOf.flatMap(([, json], at) => [
          [`s${at}`, hostile({ HOSTILE: json })],
          [`h${at}`, hostile({ HOSTILE: json }, { transport: 'http' })],
        ]),
      )
      const stage = await scene.own({ mcpServers, defaults: { startTimeoutMs: 3000 } })
      for (const [at, [what]] of answersOf.entries()) {
        for (const kind of ['s', 'h']) {
          const opened = openRaw(stage.mcp(`${kind}${at}`))
          await withinLong(opened, 10_000).catch(() => undefined)
          scene.tried(`${kind === 's' ? 'stdio' : 'http'}: ${what}`, await stage.isUnharmed())
        }
      }
    },
  },
]

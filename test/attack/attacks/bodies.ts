import { request } from 'node:http'

import { invocationUrl, runtimeArnOf } from '../../../src/config/runtime-arn.ts'
import { longEnoughMs } from '../../support/patience.ts'
import { postRpc } from '../../support/raw-http.ts'
import type { Attack } from '../attack.ts'
import type { Stage } from '../stage.ts'
import { postBytes, rawBytes, withinLong } from '../wire.ts'
import { strangeIds } from './inside.ts'

/** The longest that others wait for `/healthz` while this goes on, in milliseconds. */
async function othersWait(stage: Stage, work: Promise<unknown>): Promise<number> {
  const done = work.then(
    () => true,
    () => true,
  )
  let worst = 0
  while (stage.ended() === undefined && (await withinLong(done, 50)) === 'nothing') {
    const startedMs = performance.now()
    await withinLong(stage.isUp())
    worst = Math.max(worst, performance.now() - startedMs)
  }
  return Math.round(worst)
}

const list = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

export const bodies: Attack[] = [
  {
    section: 'bodies',
    tries: 'JSON-RPC ids that are no texts and no numbers, from a client',
    does: '400 with a JSON-RPC error',
    async run(scene) {
      const stage = await scene.gateway()
      for (const [what, id] of strangeIds.filter(([, json]) => !json.startsWith('"'))) {
        for (const rest of ['"method":"tools/list"', '"result":{}']) {
          const body = `{"jsonrpc":"2.0","id":${id},${rest}}`
          const { status, json } = await stage.bystander.post(body)
          const message = (await json().catch(() => undefined)) as { error?: unknown } | undefined
          const isTold = status === 400 && message?.error !== undefined
          scene.tried(`${what}, with ${rest}`, isTold, { status, message })
        }
      }
      scene.tried('the session goes on', await stage.isUnharmed())
    },
  },
  {
    section: 'bodies',
    tries: 'bodies that take long to understand: 4 MB of depth, keys, lists, spaces, escapes',
    does: 'an answer at once; nobody waits',
    async run(scene) {
      const stage = await scene.gateway()
      const size = 4_000_000
      const fill = (unit: string): string => unit.repeat(Math.floor(size / unit.length))
      for (const [what, body] of [
        ['[', fill('[')],
        ['{"a":', fill('{"a":')],
        ['keys', `{${fill('"aaaaaaaa":0,')}"b":0}`],
        ['the same key', `{${fill('"method":1,')}"method":"tools/list"}`],
        ['a batch', `[${fill(`${list},`)}${list}]`],
        ['spaces', `${fill(' ')}${list}`],
        ['escapes', `{"jsonrpc":"2.0","id":"${fill('\\u0061')}","method":"tools/list"}`],
        ['quotes', fill('"')],
        ['backslashes', `"${fill('\\')}`],
        ['a long method', `{"jsonrpc":"2.0","id":1,"method":"${fill('m')}"}`],
      ] as const) {
        const posted = stage.bystander.post(body).then((answer) => answer.status)
        const waited = await othersWait(stage, posted)
        const status = await posted.catch(() => 0)
        const answered = status >= 200 && status < 500
        scene.tried(`4 MB of ${what}`, answered && waited < longEnoughMs / 20, { status, waited })
      }
      scene.tried('the session goes on', await stage.isUnharmed())
    },
  },
  {
    section: 'bodies',
    tries: 'payloads of 95 MB at /runtimes/: depth, keys, batches',
    does: 'nobody waits, and what is held of them has a limit',
    isLong: true,
    async run(scene) {
      const stage = await scene.own({})
      const target = runtimeUrl(stage)
      const size = 95_000_000
      for (const [what, unit] of [
        ['[', '['],
        ['{"a":', '{"a":'],
        ['a batch', '{"method":"a"},'],
      ] as const) {
        const body = Buffer.alloc(size, unit)
        let waited = 0
        let status = 0
        const grown = await stage.growthMb(async () => {
          const posted = postRpc(target, body, { sessionId: stage.bystander.id })
          waited = await othersWait(stage, posted)
          status = (await posted.catch(() => ({ status: 0 }))).status
        })
        const held = stage.ended() === undefined && waited < longEnoughMs / 20 && grown < 400
        scene.tried(`95 MB of ${what}`, held, { status, waited, grown })
      }
      scene.tried('the session goes on', await stage.isUnharmed())
    },
  },
  {
    section: 'bodies',
    tries: 'many bodies that do not end, all at once',
    does: 'a limit for what is held of them, for each caller and in all; 429 or 503 beyond it',
    isLong: true,
    async run(scene) {
      const stage = await scene.own({})
      const target = runtimeUrl(stage)
      const part = Buffer.alloc(10_000_000, ' ')
      const sent: ReturnType<typeof request>[] = []
      const grown = await stage.growthMb(async () => {
        for (let at = 0; at < 20; at += 1) {
          const outgoing = request(target, {
            method: 'POST',
            agent: false,
            headers: { 'content-type': 'application/json', 'content-length': 95_000_000 },
          })
          outgoing.on('error', () => undefined).on('response', (answer) => answer.resume())
          sent.push(outgoing)
          for (let tens = 0; tens < 9; tens += 1) outgoing.write(part)
        }
        await withinLong(new Promise(() => undefined), 4000)
      })
      for (const outgoing of sent) outgoing.destroy()
      scene.tried('20 of 95 MB', stage.ended() === undefined && grown < 600, { grown })
      scene.tried('the session goes on', await stage.isUnharmed())
    },
  },
  {
    section: 'bodies',
    tries: 'bodies that are none: cut, not UTF-8, compressed, of another kind, none at all',
    does: '400, 413 or 415, each with a body that says why',
    async run(scene) {
      const stage = await scene.gateway()
      const sessionId = stage.bystander.id
      const send = (body: string | Buffer, headers: Record<string, string | undefined> = {}) =>
        postRpc(stage.mcp('good'), body, { sessionId, headers })
      for (const [what, body, headers, expected] of [
        ['cut JSON', '{"jsonrpc":', {}, [400]],
        ['no JSON', 'hello', {}, [400]],
        ['nothing', '', {}, [400]],
        ['not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), {}, [400]],
        ['gzip', 'x', { 'content-encoding': 'gzip' }, [415]],
        ['br', 'x', { 'content-encoding': 'br' }, [415]],
        ['a form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, [415]],
        ['text', list, { 'content-type': 'text/plain' }, [415]],
        ['no type', list, { 'content-type': undefined }, [415]],
        ['5 MB', `${list}${' '.repeat(5_000_000)}`, {}, [413]],
      ] as const) {
        const answer = await send(body, headers).catch(String)
        if (typeof answer === 'string') {
          scene.tried(what, false, answer)
          continue
        }
        const isTold = (await answer.text()).length > 0
        const held = (expected as readonly number[]).includes(answer.status) && isTold
        scene.tried(what, held, { status: answer.status, expected })
      }
    },
  },
  {
    section: 'bodies',
    tries: 'a body that comes a byte at a time, or not at all, before and after a refusal',
    does: 'the answer comes at once where nobody waits for the body; the connection is cut in time',
    async run(scene) {
      const { port } = await scene.gateway()
      const own = `Host: 127.0.0.1:${port}`
      for (const [what, lines] of [
        ['a foreign Origin', [own, 'Origin: https://evil.example', 'Content-Length: 4000000']],
        ['more than the limit', [own, 'Content-Length: 400000000']],
      ] as const) {
        const { status, text } = await rawBytes(port, postBytes('/mcp', lines, '{'))
        scene.tried(`${what}, with a body that does not come`, status >= 400, text || 'nothing')
      }
    },
  },
]

/** Where AgentCore's clients call the server `good`. */
const runtimeUrl = (stage: Stage): string =>
  invocationUrl(stage.url, runtimeArnOf('good', { accountId: '123456789012', region: 'us-east-1' }))

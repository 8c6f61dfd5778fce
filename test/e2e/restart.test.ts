import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { after, describe, test } from 'node:test'

import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import type { GatewayProcess } from '../support/killable-gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { needed } from '../support/needs.ts'
import { openRaw } from '../support/raw-session.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import type { Owner } from '../support/temp.ts'

const redisServer = needed('redis-server')
const owner: Owner = { after }
const sdk = compiled('test/fixtures/workers/sdk-server.js')
const servers: Record<string, TestServer> = {
  stdio: { command: ['node', sdk] },
  relayed: { command: ['node', sdk], http: true, relay: true },
  direct: { command: ['node', sdk], http: true },
}

describe(
  'a gateway that is ended and started again',
  { concurrency: 2, skip: redisServer.skip },
  async () => {
    if (redisServer.skip !== false) return
    const redis = await startRedis(owner, redisServer.path)

    /** A place for a gateway to be started at again and again. */
    async function place(t: Owner): Promise<() => Promise<GatewayProcess>> {
      const stateDir = sharedStateDir(t)
      const port = await freePort()
      return () =>
        startGatewayProcess(t, servers, {
          stateDir,
          overrides: { store: redis.config(), listen: { port } },
        })
    }

    for (const [server, how] of [
      ['stdio', 'kill'],
      ['stdio', 'stop'],
      ['relayed', 'kill'],
      ['relayed', 'stop'],
    ] as const) {
      test(`goes on with a call, and with the question in it: ${server}, ${how}`, async (t) => {
        const start = await place(t)
        const first = await start()
        const talk = new EventEmitter()
        const asked = once(talk, 'asked')
        const { call } = await connectClient(t, first.mcp(server), {
          isPatient: true,
          elicitation: async () => {
            talk.emit('asked')
            const [answer] = (await once(talk, 'answered')) as [string]
            return { action: 'accept', content: { answer } }
          },
        })
        const before = await call('pid')
        const result = call('ask', { questions: ['who is there?'] })
        await asked
        await first[how]()
        const second = await start()
        await second.saw('session.adopted')
        talk.emit('answered', 'still me')
        assert.match(textOf(await result), /still me/)
        assert.deepEqual(await call('pid'), before)
      })
    }

    test('goes on with the session of an HTTP server', async (t) => {
      const start = await place(t)
      const first = await start()
      const session = await openRaw(first.mcp('direct'))
      const call = session.call('hang')
      await first.saw('exchange.started')
      await (await call).next()
      await first.kill()
      await assert.rejects((await call).rest())
      await start()
      assert.equal((await session.call('pid')).status, 200)
    })
  },
)

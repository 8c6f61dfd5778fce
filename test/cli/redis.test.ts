import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import { need } from '../support/needs.ts'
import { openRaw } from '../support/raw-session.ts'
import { startRedis } from '../support/redis.ts'
import { endWorkers } from '../support/shared-gateways.ts'
import { place } from './berth.ts'

describe('serve with a Redis', () => {
  it('leaves sessions to the next gateway, and stops them when it is told to', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const here = place(t)
    atEnd(t, () => endWorkers(here.stateDir))
    const file = here.put('berth.json', {
      store: { kind: 'redis', url: `redis+unix://${redis.socket}` },
      mcpServers: {
        who: { command: 'node', args: [compiled('test/fixtures/workers/tells-who.js')] },
      },
    })
    const ports = [
      '--listen-port',
      String(await freePort()),
      '--admin-port',
      String(await freePort()),
    ]
    const serve = (...more: string[]) => here.serve(['--config', file, ...ports, ...more])
    const first = await serve()
    assert.match(first.said(), /^store redis: sessions outlive this gateway/m)
    const session = await openRaw(first.mcp('who'))
    const worker = await session.ask('identify')

    const second = await serve('--takeover')
    await second.says(/^Took over from the gateway of process \d+/m)
    assert.equal((await first.done).code, 0)
    assert.deepEqual(await session.ask('identify'), worker)

    second.child.kill('SIGINT')
    await second.says(/the sessions go on without this gateway/)
    assert.equal((await second.done).code, 0)
    const third = await serve()
    assert.deepEqual(await session.ask('identify'), worker)

    const beside = await here.serve(['--config', file])
    // Whichever of the two is asked.
    const stopped = await here.berth(['sessions', 'stop', '--all'])
    assert.deepEqual([stopped.code, stopped.stderr], [0, 'Stopped 1 session.\n'])
    assert.equal((await session.call('identify')).status, 404)
    for (const { child, done } of [third, beside]) {
      child.kill('SIGTERM')
      assert.equal((await done).code, 0)
    }
  })

  it('says what is wrong when there is none', async (t) => {
    const here = place(t)
    const port = await freePort()
    const file = here.put('berth.json', {
      store: { kind: 'redis', url: `redis://user:secret@127.0.0.1:${port}` },
      mcpServers: { who: { command: 'node' } },
    })
    const { code, stderr } = await here.berth(['serve', '--config', file])
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${port}`))
    assert.doesNotMatch(stderr, /secret/)
  })
})

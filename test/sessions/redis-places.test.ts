import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'

import { atEnd } from '../support/at-end.ts'
import { freePort } from '../support/free-port.ts'
import { need } from '../support/needs.ts'
import { redisConfig, startRedis, startSentinel } from '../support/redis.ts'
import { assertServes, refusal } from './redis-rig.ts'

const local = (port: number) => ({ kind: 'server', host: '127.0.0.1', port }) as const

describe('where Redis may be', { concurrency: true }, () => {
  test('TLS, with the CA and the name that the configuration has', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { port, certFile } = await startRedis(t, path, { tls: true })
    const place = local(port)
    const tls = { caFile: certFile, servername: 'redis.test' }
    const name = await assertServes(t, redisConfig({ place, tls }))
    assert.equal(name, `redis:127.0.0.1:${port}/0 berth`)
    assert.match(
      await refusal(redisConfig({ place, tls: {} })),
      /TLS with .* failed \(\w*SELF_SIGNED/,
    )
    assert.match(
      await refusal(redisConfig({ place, tls: { caFile: certFile } })),
      /TLS with .* failed \(ERR_TLS_CERT_ALTNAME_INVALID\).*servername/,
    )
    assert.match(await refusal(redisConfig({ place })), /If it expects TLS, write rediss:/)
    assert.match(
      await refusal(redisConfig({ place, tls: { caFile: '/nowhere.pem' } })),
      /^store\.tls\.caFile: cannot be read/,
    )
  })

  test('an ACL user that may do no more than Berth does', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { client, config } = await startRedis(t, path)
    const rules = ['~{mine}:*', '&{mine}:*', '+@all', '-@dangerous', '+info', '+cluster']
    await client.acl('SETUSER', 'berth', 'on', '>hush', ...rules)
    await client.acl('SETUSER', 'default', 'off')
    const right = { prefix: 'mine', username: 'berth', password: 'hush', db: 3 }
    const name = await assertServes(t, config(right))
    assert.doesNotMatch(name, /hush/)
    assert.match(name, /\?db=3 mine$/)
    assert.match(await refusal(config()), /does not take this user and password.*store\.password/)
    assert.match(await refusal(config({ ...right, password: 'hush!' })), /does not take this user/)
    assert.match(
      await refusal(config({ ...right, prefix: 'other' })),
      /ACL SETUSER NAME ~\{other\}:/,
    )
  })

  test('the Redis that sentinels name', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { port } = await startRedis(t, path, { tcp: true })
    const sentinel = { host: '127.0.0.1', port: await startSentinel(t, path, port) }
    const away = { host: '127.0.0.1', port: await freePort() }
    const place = {
      kind: 'sentinel',
      name: 'mymaster',
      sentinels: [away, sentinel],
      password: undefined,
    } as const
    const sentinels = [...place.sentinels]
    assert.match(
      await assertServes(t, redisConfig({ place: { ...place, sentinels } })),
      /mymaster@/,
    )
    assert.match(
      await refusal(redisConfig({ place: { ...place, sentinels: [away] } })),
      /^store\.sentinels: no Redis answers at mymaster@127\.0\.0\.1:\d+ \(All sentinels/,
    )
  })

  test('a start without Redis says where it looked, and what to do', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const port = await freePort()
    const password = 'hush'
    assert.match(
      await refusal(redisConfig({ place: local(port), password })),
      new RegExp(
        `^store\\.url: no Redis answers at 127\\.0\\.0\\.1:${port}/0 \\(ECONNREFUSED\\)\\. Start one \\(redis-server\\), or correct`,
      ),
    )
    assert.match(
      await refusal(redisConfig({ place: { kind: 'socket', path: '/nowhere.sock' } })),
      /no Redis answers at \/nowhere\.sock\?db=0 \(ENOENT\)/,
    )
    const web = createServer((_request, response) => response.end('hello'))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    atEnd(t, () => void web.close())
    const { port: webPort } = web.address() as AddressInfo
    assert.match(await refusal(redisConfig({ place: local(webPort) })), /is not Redis/)
  })
})

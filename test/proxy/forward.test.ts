import assert from 'node:assert/strict'
import { test } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import { GatewayError } from '../../src/ground/errors.ts'
import { mcp } from '../../src/protocols/mcp.ts'
import type { Downstream } from '../../src/proxy/downstream.ts'
import { forward } from '../../src/proxy/forward.ts'
import { openWire } from '../../src/proxy/wire/client.ts'
import { atEnd } from '../support/at-end.ts'
import { freePort } from '../support/free-port.ts'

test('a request whose worker is not there is answered when the store cannot say why either', async (t) => {
  const origin = `http://127.0.0.1:${await freePort()}`
  const upstreams = openWire(
    { origin, host: '127.0.0.1', path: '/mcp', headers: {}, ordersStreams: false },
    {},
    systemClock,
  )
  atEnd(t, () => upstreams.destroy())
  const away = new GatewayError('ERR_SESSIONS_STORE')
  const failed = await new Promise((resolve) => {
    const downstream: Partial<Downstream> = {
      isDone: () => false,
      fail: resolve,
      upstream: undefined,
    }
    forward({
      upstreams,
      protocol: mcp,
      clock: systemClock,
      method: 'POST',
      path: '/mcp',
      headers: {},
      body: Buffer.from('{}'),
      downstream: downstream as Downstream,
      onAnswer: () => undefined,
      onForgotten: () => undefined,
      explainRefusal: () => Promise.reject(away),
      explainCut: () => undefined,
      broken: () => away,
      redirected: () => undefined,
    })
  })
  assert.equal(failed, away)
})

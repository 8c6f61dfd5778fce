import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'node:net'
import { after, describe, test } from 'node:test'

import { Client } from 'undici'

import { whyUnreached } from '../../src/ground/unreached.ts'
import { certificate, certificateKey } from '../fixtures/redis-certificate.ts'
import { freePort } from '../support/free-port.ts'

const identity = { key: certificateKey, cert: certificate }

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
const saying = (answer: string | undefined): Server =>
  createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => (answer === undefined ? socket.destroy() : socket.end(answer)))
  })

const plain = await listening(createHttpServer((_request, response) => response.end()))
const secure = await listening(createHttpsServer(identity, (_request, response) => response.end()))
const mail = await listening(saying('220 mail.example ESMTP\r\n'))
const rude = await listening(saying(undefined))
const closed = `127.0.0.1:${await freePort()}`

const rows: [string, RegExp, ca?: string][] = [
  [`http://${closed}`, /^nothing listens at 127\.0\.0\.1:\d+$/],
  ['http://no-such-host.invalid', /^the name no-such-host\.invalid cannot be resolved/],
  [`https://${plain}`, /^127\.0\.0\.1:\d+ speaks http:\/\/, not https:\/\/$/],
  [`http://${mail}`, /^what answers at 127\.0\.0\.1:\d+ does not speak HTTP$/],
  [
    `http://${rude}`,
    /^127\.0\.0\.1:\d+ closed the connection without an HTTP answer; if it speaks/,
  ],
  [`https://${rude}`, /^127\.0\.0\.1:\d+ closed the connection$/],
  [
    `https://${secure}`,
    /^the certificate of 127\.0\.0\.1:\d+ is not trusted \([\w -]+\); NODE_EXTRA_CA/,
  ],
  [`https://${secure}`, /certificate of .* is for another name than 127\.0\.0\.1$/, identity.cert],
]

describe('why nobody could be reached is said in words', { concurrency: 4 }, () => {
  for (const [at, says, ca] of rows) {
    test(`${at.replace(/\d+$/, 'PORT')}: ${String(says)}`, async () => {
      const url = new URL(at)
      const client = new Client(at, { connect: ca === undefined ? {} : { ca } })
      const thrown = await client.request({ method: 'POST', path: '/', body: '{}' }).then(
        () => undefined,
        (error: unknown) => error,
      )
      await client.destroy()
      assert.match(whyUnreached(thrown, url) ?? '', says)
      if (ca !== undefined) return
      const fetched = await fetch(url).catch((error: unknown) => error)
      assert.match(whyUnreached(fetched, url) ?? '', says)
    })
  }
})

test('a code is enough, the usual port is named, and other errors are not explained', () => {
  const url = new URL('https://mcp.example')
  assert.equal(
    whyUnreached({ code: 'UND_ERR_CONNECT_TIMEOUT' }, url),
    'mcp.example:443 does not answer; no connection came about in time',
  )
  assert.match(whyUnreached({ code: 'EPROTO', reason: 'bad luck' }, url) ?? '', /\(bad luck\)/)
  assert.equal(whyUnreached(new Error('of another kind'), url), undefined)
  assert.equal(whyUnreached(undefined, url), undefined)
})

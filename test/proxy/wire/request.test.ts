import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'

import type { Asking } from '../../../src/proxy/asking.ts'
import { bodyLength, requestHead } from '../../../src/proxy/wire/request.ts'

const post: Asking = { method: 'POST', path: '/mcp', headers: {}, body: Buffer.from('{}') }
const head = (more: Partial<Asking>): string => requestHead({ ...post, ...more }, 'localhost:1')

test('a request is one head, with the length of its body', () => {
  const headers = { host: 'a:2', accept: 'x', 'x-many': ['1', '2'], 'x-\u0021': '\u00e9' }
  assert.equal(
    head({ headers }),
    'POST /mcp HTTP/1.1\r\nhost: a:2\r\nconnection: keep-alive\r\naccept: x\r\nx-many: 1\r\nx-many: 2\r\nx-!: \u00e9\r\ncontent-length: 2\r\n\r\n',
  )
  assert.match(head({ body: null }), /content-length: 0\r\n\r\n$/)
  assert.match(head({ body: Buffer.alloc(0) }), /content-length: 0\r\n\r\n$/)
  assert.equal(
    head({ method: 'GET', body: null }),
    'GET /mcp HTTP/1.1\r\nhost: localhost:1\r\nconnection: keep-alive\r\n\r\n',
  )
})

test('a body that comes as it is read has the length that was said', () => {
  const body = Readable.from([])
  assert.match(head({ headers: { 'content-length': '7' }, body }), /content-length: 7\r\n\r\n$/)
  assert.equal(bodyLength('7', body), 7)
  assert.throws(() => bodyLength(undefined, body))
})

test('what would be more than one head, or another one, is not sent', () => {
  const wrong: Partial<Asking>[] = [
    { method: 'GE T' },
    { method: '' },
    { path: 'mcp' },
    { path: '/a b' },
    { path: '/a\r\nx: y' },
    { path: '/\u0100' },
    { headers: { 'x-a': 'b\r\nc: d' } },
    { headers: { 'x-a': 'b\n' } },
    { headers: { 'x-a': '\0' } },
    { headers: { 'x-a': ['b', 'c\r\n'] } },
    { headers: { 'x-a': '\u0100' } },
    { headers: { host: 'a\r\nb: c' } },
    { headers: { host: ['a', 'b'] } },
    { headers: { 'x a': 'b' } },
    { headers: { 'x\r\n': 'b' } },
    { headers: { '': 'b' } },
    { headers: { 'content-length': '3' } },
    { headers: { 'content-length': '+2' } },
    { headers: { 'content-length': ['2', '2'] } },
    ...['connection', 'Transfer-Encoding', 'upgrade', 'expect', 'keep-alive', 'te'].map((name) => ({
      headers: { [name]: 'x' },
    })),
  ]
  for (const one of wrong) assert.throws(() => head(one), JSON.stringify(one))
})

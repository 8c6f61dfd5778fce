import assert from 'node:assert/strict'
import { test } from 'node:test'

import { withoutNullErrors } from '../../src/client/null-errors.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The body of an answer that came in pieces of so many bytes. */
async function read(text: string, type: string, size = 1): Promise<string> {
  const all = bytes(text)
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < all.length; at += size) controller.enqueue(all.slice(at, at + size))
      controller.close()
    },
  })
  const headers = { 'content-type': type, 'mcp-session-id': 's' }
  const response = withoutNullErrors(new Response(body, { status: 200, headers }))
  assert.deepEqual([response.status, response.headers.get('mcp-session-id')], [200, 's'])
  return response.text()
}

const both = '{"id": 1, "result": {"text": "ü \\"error\\": null"}, "error": null}'
const result = '{"id":1,"result":{"text":"ü \\"error\\": null"}}'
const failed = '{"id":1,"result":null,"error":{"code":1,"message":"\\"error\\":null"}}'

test('of JSON the error that is null is taken out, and nothing else', async () => {
  assert.equal(await read(both, 'application/json'), result)
  assert.equal(await read(`[${both},${failed}]`, 'Application/JSON; a=b'), `[${result},${failed}]`)
  for (const text of [
    failed,
    '{"error": null',
    '5 "error":null',
    both.replace(', "error": null', ''),
  ])
    assert.equal(await read(text, 'application/json'), text)
  assert.equal(await read(both, 'text/plain'), both)
})

test('of events, too, however they are cut, and the rest of a stream stays as it is', async () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const stream = (json: string): string =>
      [': hello', '', 'id: 1', `data: ${json}`, '', `data:${failed}`, '', 'data: {"a"'].join(end)
    for (const size of [1, 7, 10_000]) {
      assert.equal(await read(stream(both), 'text/event-stream', size), stream(result))
    }
  }
})

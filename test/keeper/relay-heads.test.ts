import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { said, startRelay } from './relay-rig.ts'

const noAnswers = {
  'a status of nothing': 'HTTP/1.1 000 No\r\ncontent-length: 2\r\n\r\n{}',
  'a status below what there is': 'HTTP/1.1 099 No\r\ncontent-length: 2\r\n\r\n{}',
  'a change of protocol': 'HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
  'a change of protocol to nothing': 'HTTP/1.1 101 Go\r\ncontent-length: 5\r\n\r\nhello',
}

suite('what a server says of its own connection is not said of ours', () => {
  test('a trailer without chunks', async (t) => {
    const rig = await startRelay(t)
    const asked = rig.post()
    const { request } = await rig.reached()
    request.socket.end('HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ncontent-length: 2\r\n\r\n{}')
    const reply = await asked
    assert.equal(reply.headers.trailer, undefined)
    assert.equal(await reply.text(), '{}')
  })

  test('the same of a stream that is kept', async (t) => {
    const rig = await startRelay(t)
    const asked = rig.post()
    const { request } = await rig.reached()
    const head = [
      'HTTP/1.1 200 OK',
      'content-type: text/event-stream',
      'trailer: x',
      'connection: close',
    ]
    request.socket.end([...head, '', said('1')].join('\r\n'))
    const reply = await asked
    assert.ok((await reply.rest()).some(({ data }) => data === '1'))
  })

  for (const [name, bytes] of Object.entries(noAnswers)) {
    test(`${name} is the end of the call, and of nothing else`, async (t) => {
      const rig = await startRelay(t)
      const asked = rig.post()
      const { request } = await rig.reached()
      request.socket.end(bytes)
      await assert.rejects(asked, { code: 'ECONNRESET' })
      const next = rig.post()
      const { response } = await rig.reached()
      response.end('{}')
      assert.equal((await next).status, 200)
    })
  }
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'

import { eventHeaders, modern, old, said, startRelay } from './relay-rig.ts'
import { meanwhile } from '../support/patience.ts'

const carries = 'x-berth-carries'

suite('a relay whose server gives its events no ids', { concurrency: 4 }, () => {
  test('a call goes on without its connection, and is resumed where the client was', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    server.write(said('1') + said('2'))
    const seen = await reply.next()
    assert.match(seen?.id ?? '', /^berth-/)
    assert.equal(reply.headers[carries], undefined)
    await reply.cut()
    server.write(said('3'))
    const resumed = await rig.get({ 'last-event-id': seen?.id ?? '' })
    assert.equal(resumed.headers['content-type'], 'text/event-stream')
    assert.equal(resumed.headers['mcp-session-id'], 's-1')
    assert.equal(resumed.headers[carries], 'exchange')
    for (const data of ['2', '3']) assert.equal((await resumed.next())?.data, data)
    server.end(said('4'))
    assert.deepEqual(
      (await resumed.rest()).map(({ data }) => data),
      ['4'],
    )
    assert.equal(rig.count(), 2)
  })

  test('a client that lost its call before an event has a place to come back to', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call()
    const place = await reply.next()
    assert.equal(place?.data, '')
    await reply.cut()
    server.end(said('late'))
    await once(server, 'close')
    const resumed = await rig.get({ 'last-event-id': place.id ?? '' })
    assert.equal(resumed.headers[carries], undefined)
    const [event, ...more] = await resumed.rest()
    assert.equal(event?.data, 'late')
    assert.deepEqual(more, [])
    const again = await rig.get({ 'last-event-id': event.id ?? '' })
    assert.equal(again.status, 204)
  })

  test('a resumed stream takes the place of the one that is still open', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    server.write(said('1'))
    const seen = await reply.next()
    const resumed = await rig.get({ 'last-event-id': seen?.id ?? '' })
    assert.deepEqual(await reply.rest(), [])
    server.end(said('2'))
    assert.equal((await resumed.rest()).at(-1)?.data, '2')
  })

  test('an event is sent again to the byte, wherever it was cut', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    const bytes = Buffer.from(`: c\r\n\r\n${said('one')}event: x\r\ndata: ü€😀\r\ndata: b\r\n\r\n`)
    server.socket?.setNoDelay()
    for (const byte of bytes) {
      server.write(Buffer.from([byte]))
      await new Promise(setImmediate)
    }
    const seen = await reply.until(({ event }) => event === 'x')
    await reply.cut()
    assert.deepEqual(
      seen.map(({ data }) => data),
      ['one', 'ü€😀\nb'],
    )
    const resumed = await rig.get({ 'last-event-id': seen[0]?.id ?? '' })
    server.end()
    assert.equal(
      await resumed.text(),
      `id: ${seen[1]?.id ?? ''}\nevent: x\r\ndata: ü€😀\r\ndata: b\r\n\r\n`,
    )
  })

  test('an old client gets what the server sent, but for ids', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    const text = `retry: 5\n\n${said('1')}: silence\n\n${said('2')}data: 3\n`
    // The priming event of a new client would have come by then.
    void meanwhile(40).then(() => server.end(text))
    const got = await reply.text()
    assert.equal(got.replaceAll(/id: berth-post\d+-\d+\n/g, ''), text)
    assert.equal(got.match(/id: /g)?.length, 2)
  })

  test('what nobody can come back for is dropped, and the server is let finish', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    await reply.cut()
    server.end(said('x'.repeat(5_000_000)))
    await once(server, 'finish')
  })

  test('an event that is not in the log any more is refused', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    server.write(said('first'))
    const seen = await reply.next()
    await reply.cut()
    server.end(Array.from({ length: 1001 }, (_, n) => said(String(n))).join(''))
    await once(server, 'close')
    const refused = await rig.get({ 'last-event-id': seen?.id ?? '' })
    assert.equal(refused.status, 400)
    assert.equal(refused.headers['mcp-session-id'], 's-1')
  })

  test('a stream that breaks off is cut, not ended', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    server.write(said('1'))
    await reply.next()
    server.destroy()
    await assert.rejects(reply.rest(), { code: 'ECONNRESET' })
  })

  test('a fast server waits for its reader, and nothing is lost', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call()
    const event = said('y'.repeat(10_000))
    let written = 0
    const pour = (): void => {
      while (written < 3000) {
        written += 1
        if (!server.write(event)) {
          server.once('drain', pour)
          return
        }
      }
      server.end()
    }
    pour()
    await meanwhile(100)
    assert.ok(written < 2500, `${written} were taken before one was read`)
    assert.equal((await reply.text()).split('\ndata: y').length - 1, 3000)
  })

  test('a reader that had stopped and goes away does not stop the server', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    server.write(said('1'))
    await reply.next()
    const closed = once(server, 'close')
    server.end(said('z'.repeat(10_000)).repeat(2000))
    await meanwhile(50)
    assert.ok(!server.writableFinished)
    await reply.cut()
    await closed
    assert.ok(server.writableFinished)
  })
})

suite('the standalone stream of a relay', { concurrency: 4 }, () => {
  test('stays open at the server, and the next GET has it', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.stream(old)
    server.write(said('1'))
    assert.equal((await reply.next())?.data, '1')
    await reply.cut()
    server.write(said('2'))
    const next = await rig.get(old)
    assert.equal((await next.next())?.data, '2')
    server.write(said('3'))
    const { id, data } = (await next.next())!
    assert.equal(data, '3')
    server.write(said('4'))
    const resumed = await rig.get({ ...old, 'last-event-id': id ?? '' })
    assert.equal(resumed.headers[carries], undefined)
    assert.equal((await resumed.next())?.data, '4')
    assert.equal(rig.count(), 2)
  })

  test('is opened anew when the server has ended it, with and without an id', async (t) => {
    const rig = await startRelay(t)
    const first = await rig.stream()
    const place = await first.reply.next()
    first.server.end()
    assert.deepEqual(await first.reply.rest(), [])
    const sending = rig.get({ ...modern, 'last-event-id': place?.id ?? '' })
    const { request, response } = await rig.reached()
    assert.equal(request.headers['last-event-id'], undefined)
    response.writeHead(200, eventHeaders).flushHeaders()
    await sending
    response.end()
    const second = await rig.stream()
    second.server.write(said('new'))
    assert.equal((await second.reply.until(({ data }) => data !== '')).at(-1)?.data, 'new')
  })

  test('ends with the session', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.stream()
    const closed = once(server, 'close')
    const removing = rig.send('DELETE')
    const { response } = await rig.reached()
    response.writeHead(200).end()
    assert.equal((await removing).status, 200)
    assert.deepEqual(
      (await reply.rest()).filter(({ data }) => data !== ''),
      [],
    )
    await closed
  })

  test('is given to nobody of another session', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.stream()
    server.write(said('1'))
    const { id = '' } = (await reply.next())!
    for (const headers of [{}, { 'last-event-id': id }]) {
      const sending = rig.get({ ...headers, 'mcp-session-id': 's-2' })
      const { response } = await rig.reached()
      response.writeHead(404).end()
      assert.equal((await sending).status, 404)
    }
  })

  test('is nothing to whoever GETs something else', async (t) => {
    const rig = await startRelay(t)
    await rig.stream()
    const asking = rig.send('GET', {}, '/ping')
    const { request, response } = await rig.reached()
    response.end('pong')
    assert.equal(request.url, '/ping')
    assert.equal(await (await asking).text(), 'pong')
  })

  test('is the newer one where a server takes two at once', async (t) => {
    const rig = await startRelay(t)
    const sending = [rig.get(old), rig.get(old)]
    const { response: older } = await rig.reached()
    const { response: newer } = await rig.reached()
    older.writeHead(200, eventHeaders).flushHeaders()
    await Promise.race(sending)
    newer.writeHead(200, eventHeaders).flushHeaders()
    await Promise.all(sending)
    if (!older.destroyed) await once(older, 'close')
    const third = await rig.get(old)
    newer.write(said('1'))
    assert.equal((await third.next())?.data, '1')
    assert.equal(rig.count(), 3)
  })

  test('is none when the server refuses it', async (t) => {
    const rig = await startRelay(t)
    for (let tries = 0; tries < 2; tries += 1) {
      const sending = rig.get(modern)
      const { response } = await rig.reached()
      response.writeHead(405, { allow: 'POST' }).end('no')
      const reply = await sending
      assert.deepEqual(
        [reply.status, reply.headers['allow'], await reply.text()],
        [405, 'POST', 'no'],
      )
    }
  })
})

suite('a relay whose server gives its events ids', { concurrency: 4 }, () => {
  const text =
    'id: 1\nretry: 9\ndata: \n\nevent: message\r\nid: 2\r\ndata: ü\r\n\r\n: c\n\nid: 3\ndata: x\n'

  test('passes every byte as it is, and the end of either side', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call(old)
    for (const byte of Buffer.from(text)) server.write(Buffer.from([byte]))
    server.end()
    assert.equal(await reply.text(), text)
    // From now on nothing is waited for.
    const { reply: second, server: open } = await rig.call()
    open.write(': no event\n')
    const closed = once(open, 'close')
    await second.cut()
    await closed
  })

  test('lets the server resume what it has given an id, and what it alone may know', async (t) => {
    const rig = await startRelay(t)
    for (const id of ['1', 'of-another']) {
      const sending = rig.get({ ...modern, 'last-event-id': id })
      const { request, response } = await rig.reached()
      assert.equal(request.headers['last-event-id'], id)
      response.writeHead(200, eventHeaders).end('data: untouched\n\n')
      assert.equal(await (await sending).text(), 'data: untouched\n\n')
    }
  })

  test('keeps to its own where it has given one before the server did', async (t) => {
    const rig = await startRelay(t)
    const { reply, server } = await rig.call()
    const place = await reply.next()
    assert.match(place?.id ?? '', /^berth-/)
    server.write('id: 5\ndata: late\n\n')
    const event = await reply.next()
    assert.match(event?.id ?? '', /^berth-/)
    assert.equal(event?.data, 'late')
  })
})

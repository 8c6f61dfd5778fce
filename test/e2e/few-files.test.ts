import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'

import { atEnd } from '../support/at-end.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import type { GatewayProcess } from '../support/killable-gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import type { RawSession } from '../support/raw-session.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import { tempDir } from '../support/temp.ts'

/** Answers `initialize`, and takes as little of the machine as can be. */
const small = `read -r line
echo '{"jsonrpc":"2.0","id":"init","result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"small","version":"1"}}}'
cat >/dev/null`

const servers: Record<string, TestServer> = {
  echo: { command: ['node', compiled('test/fixtures/workers/echo.js')], http: true },
  small: { command: ['/bin/sh', '-c', small] },
}

const withFiles = (limit: number): string[] => [
  '/bin/sh',
  '-c',
  `ulimit -n ${limit}; exec "$@"`,
  'sh',
]

async function openAll(gateway: GatewayProcess): Promise<{ open: RawSession[]; last: number }> {
  const open: RawSession[] = []
  for (;;) {
    const answer = await postRpc(gateway.mcp('small'), initializeMessage())
    if (answer.status !== 200) {
      assert.match(await answer.text(), /ERR_WORKERS_NO_ROOM/)
      assert.equal(answer.headers['retry-after'], '10')
      return { open, last: answer.status }
    }
    open.push({ id: answer.headers['mcp-session-id'] } as RawSession)
    assert.ok(open.length < 60, 'nobody was refused')
  }
}

test('with few files, what is too much is refused, and what is open goes on', async (t) => {
  const gateway = await startGatewayProcess(t, servers, {
    stateDir: tempDir(t),
    wrap: withFiles(256),
  })
  const session = await openRaw(gateway.mcp('echo'))
  const { port } = new URL(gateway.mcp('echo'))

  const sockets = Array.from({ length: 300 }, () => {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined)
    atEnd(t, () => void socket.destroy())
    return socket
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (let at = 0; at < 5; at += 1) assert.equal((await session.call('echo')).status, 200)
  const warned = await gateway.saw('operator.warned', ({ message }) => /connections/.test(message))
  assert.match(warned.message, /All 64 connections .*ulimit -n/)
  for (const socket of sockets) socket.destroy()

  // Closed connections are gone from here a moment later.
  const files = (): number => readdirSync(`/proc/${gateway.pid}/fd`).length
  await eventually(() => assert.ok(files() < 64))
  execFileSync('prlimit', ['--pid', String(gateway.pid), `--nofile=${files() + 30}`])
  const { open, last } = await openAll(gateway)
  assert.equal(last, 503)
  assert.ok(open.length >= 2, `only ${open.length} sessions`)
  assert.equal((await session.call('echo')).status, 200)
  for (const { id } of open) {
    await postRpc(gateway.mcp('small'), undefined, { method: 'DELETE', sessionId: id })
  }
  await eventually(async () => {
    assert.equal((await postRpc(gateway.mcp('small'), initializeMessage())).status, 200)
  })
  assert.equal((await session.call('echo')).status, 200)
  assert.equal(
    gateway.seen('operator.warned').filter(({ message }) => /connections/.test(message)).length,
    1,
  )
})

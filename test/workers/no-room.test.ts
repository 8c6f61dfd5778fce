import assert from 'node:assert/strict'
import { test } from 'node:test'

import { GatewayError } from '../../src/ground/errors.ts'
import { asNoRoom } from '../../src/workers/no-room.ts'

const emfile = Object.assign(new Error('open: too many open files'), { code: 'EMFILE' })
const keeper = (why: string, cause?: unknown): GatewayError =>
  new GatewayError('ERR_WORKERS_KEEPER', { params: { why }, cause })
const spawning = (why: string): GatewayError =>
  new GatewayError('ERR_WORKERS_SPAWN', { params: { command: 'EAGAIN', why } })

for (const thrown of [
  emfile,
  keeper('x', emfile),
  keeper('spawn setpriv EAGAIN'),
  spawning('EAGAIN'),
  Object.assign(new Error('fork'), { code: 'ENOMEM' }),
]) {
  test(`for want of room: ${thrown.message}`, () => {
    const error = asNoRoom(thrown)
    assert.ok(error instanceof GatewayError)
    assert.equal(error.code, 'ERR_WORKERS_NO_ROOM')
    assert.equal(error.statusCode, 503)
    assert.equal(error.retryAfterSeconds, 10)
  })
}

for (const thrown of [
  keeper('it ended (exit code 1)'),
  spawning('it is not in PATH'),
  new GatewayError('ERR_WORKERS_EXITED_EARLY', { params: { command: 'EMFILE' } }),
  Object.assign(new Error('no'), { code: 'ENOENT' }),
  undefined,
]) {
  test(`for another reason: ${thrown?.message ?? 'none'}`, () => {
    assert.equal(asNoRoom(thrown), thrown)
  })
}

test('a disk that is full or read-only is told as that, with what to do', () => {
  for (const code of ['ENOSPC', 'EROFS', 'EDQUOT', 'EIO']) {
    const cause = Object.assign(new Error(`${code}: said the disk, write`), { code })
    const error = asNoRoom(cause)
    assert.ok(error instanceof GatewayError)
    assert.deepEqual([error.code, error.statusCode], ['ERR_WORKERS_DISK', 503])
    assert.match(error.message, new RegExp(`${code}.*Make room on its disk`))
    assert.equal(error.cause, cause)
  }
  const other = new Error('another')
  assert.equal(asNoRoom(other), other)
})

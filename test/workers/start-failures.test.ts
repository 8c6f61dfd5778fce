import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import type { ErrorCode } from '../../src/ground/errors.ts'
import { GatewayError } from '../../src/ground/errors.ts'
import { tempDir } from '../support/temp.ts'
import type { Rig, SpecOptions } from './rig.ts'
import { messageOf, post, startRig } from './rig.ts'

/** Starts what cannot be started, and gives the error; nothing may be left of it. */
async function failure(
  rig: Rig,
  words: string[],
  options: SpecOptions = {},
): Promise<GatewayError> {
  const thrown: unknown = await rig.start(words, options).then(
    () => assert.fail('it started'),
    (error: unknown) => error,
  )
  await rig.nothingLeft()
  assert.ok(thrown instanceof GatewayError, String(thrown))
  return thrown
}

interface Expected {
  code: ErrorCode
  statusCode?: number
  message: RegExp
  details?: Record<string, unknown>
}

function assertFailure(error: GatewayError, { code, message, statusCode, details }: Expected) {
  assert.equal(error.code, code, error.message)
  assert.match(error.message, message)
  assert.equal(error.statusCode, statusCode ?? 502)
  if (details !== undefined) assert.deepEqual(error.details, details)
}

/** An executable file with this text. */
function program(t: TestContext, text: string, mode = 0o755): string {
  const file = join(tempDir(t), 'program')
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

const nothingSaid = { exitCode: null, signal: null, lastLines: [] }

suite('a command that cannot be started', { concurrency: 4 }, () => {
  for (const http of [false, true]) {
    const how = http ? 'over HTTP' : 'over stdio'

    test(`is not in PATH, ${how}`, async (t) => {
      const error = await failure(startRig(t), ['no-such-command-of-berth', '--flag'], { http })
      assertFailure(error, {
        code: 'ERR_WORKERS_SPAWN',
        message: /^The command no-such-command-of-berth --flag could not .*: it is not in PATH\.$/,
        details: { command: 'no-such-command-of-berth --flag', ...nothingSaid },
      })
      assert.ok(!error.message.includes(process.env['PATH'] ?? ''), 'the environment is secret')
    })

    test(`is no file, ${how}`, async (t) => {
      const error = await failure(startRig(t), ['/nowhere/server'], { http })
      assertFailure(error, { code: 'ERR_WORKERS_SPAWN', message: /there is no such file/ })
    })

    test(`may not be executed, ${how}`, async (t) => {
      const file = program(t, '#!/bin/sh\n', 0o644)
      const error = await failure(startRig(t), [file], { http })
      assertFailure(error, {
        code: 'ERR_WORKERS_SPAWN',
        message: /it may not be executed \(chmod \+x\)/,
      })
    })
  }

  // For root there is no such folder.
  if (process.getuid?.() !== 0) {
    test('is not in PATH, some of which may not be entered', async (t) => {
      const PATH = tempDir(t)
      chmodSync(PATH, 0o000)
      const error = await failure(startRig(t), ['no-such-command-of-berth'], { env: { PATH } })
      assertFailure(error, { code: 'ERR_WORKERS_SPAWN', message: /it is not in PATH/ })
    })
  }

  test('names an interpreter that is missing', async (t) => {
    const error = await failure(startRig(t), [program(t, '#!/nowhere/python\n')])
    assertFailure(error, { code: 'ERR_WORKERS_SPAWN', message: /its #! line names/ })
  })

  test('has a working directory that is missing', async (t) => {
    const error = await failure(startRig(t), ['tells-who.js'], { cwd: '/nowhere/at/all' })
    assertFailure(error, {
      code: 'ERR_WORKERS_SPAWN',
      message: /the working directory \/nowhere\/at\/all is missing/,
    })
  })

  test('has a file for a working directory', async (t) => {
    const cwd = program(t, '')
    const error = await failure(startRig(t), ['tells-who.js'], { cwd })
    assertFailure(error, { code: 'ERR_WORKERS_SPAWN', message: /the working directory .* missing/ })
  })

  test('has more arguments than the system takes', async (t) => {
    const error = await failure(startRig(t), ['tells-who.js', 'x'.repeat(3_000_000)])
    assert.equal(error.code, 'ERR_WORKERS_SPAWN')
    assert.match(error.message, /arguments and environment are too long/)
  })

  test('has a folder that is gone, which is the fault of the keeper', async (t) => {
    const rig = startRig(t)
    const error = await failure(rig, ['tells-who.js'], { directory: '/nowhere/at/all' })
    assertFailure(error, { code: 'ERR_WORKERS_KEEPER', message: /ENOENT.*output\.log/ })
  })
})

suite('a server that does not become ready', { concurrency: 4 }, () => {
  test('exits at once: the last 20 lines tell why', async (t) => {
    const words = ['exits-with.js', '3', '25']
    const error = await failure(startRig(t), words, { http: true })
    const lastLines = Array.from({ length: 20 }, (_, at) => `cannot start: reason ${at + 6}`)
    assertFailure(error, {
      code: 'ERR_WORKERS_EXITED_EARLY',
      message: /^The command exits-with\.js 3 25 exited \(exit code 3\) before it served/,
      details: { command: words.join(' '), exitCode: 3, signal: null, lastLines },
    })
  })

  test('exits at once: it is told each time, when many do', async (t) => {
    const rig = startRig(t)
    const starts = Array.from({ length: 8 }, () =>
      rig.start(['exits-with.js', '9'], { http: true }),
    )
    for (const outcome of await Promise.allSettled(starts)) {
      assert.ok(outcome.status === 'rejected')
      const { code, details } = outcome.reason as GatewayError
      assert.equal(code, 'ERR_WORKERS_EXITED_EARLY')
      assert.equal(details?.['exitCode'], 9)
      assert.deepEqual(details['lastLines'], ['cannot start: reason 1'])
    }
  })

  test('is killed at once', async (t) => {
    const error = await failure(startRig(t), ['sh', '-c', 'kill -9 $$'], { http: true })
    assertFailure(error, {
      code: 'ERR_WORKERS_EXITED_EARLY',
      message: /killed by SIGKILL/,
      details: {
        command: 'sh -c kill -9 $$',
        exitCode: null,
        signal: 'SIGKILL',
        lastLines: [],
      },
    })
  })

  test('never listens', async (t) => {
    const options = { http: true, startTimeoutMs: 5000 }
    // A shell is there at once, whatever else this machine does.
    const command: [string, ...string[]] = [
      'sh',
      '-c',
      'echo thinking about it >&2; exec sleep 600',
    ]
    const error = await failure(startRig(t), command, options)
    assertFailure(error, {
      code: 'ERR_WORKERS_START_TIMEOUT',
      statusCode: 504,
      message: /sleep 600 did not listen on port \d+ within 5 s/,
      details: {
        command: command.join(' '),
        exitCode: null,
        signal: null,
        lastLines: ['thinking about it'],
      },
    })
  })

  test('exits over stdio: the request that waits is told how', async (t) => {
    const worker = await startRig(t).start(['prints-garbage.js'])
    const message = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }
    const { error } = await messageOf(await post(worker, message))
    assert.match(String(error?.message), /The server ended \(exit code 4\) before it answered/)
    assert.equal((await worker.exited).code, 4)
    const said = ['Welcome to the server!', '{"half": ', 'I do not understand.']
    assert.deepEqual(await worker.lastLines(), said)
  })
})

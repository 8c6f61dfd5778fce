import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { Worker } from '../../src/workers/driver.ts'
import { noNamespace, call, messageOf, open, post, startRig } from './rig.ts'

const calling = (name: string, args = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
})

const errorOf = async (worker: Worker, sessionId: string, tool: string): Promise<string> => {
  const { error } = await messageOf(await post(worker, calling(tool), sessionId))
  return String(error?.message)
}

suite(
  'a server that exits right after its last answer has it delivered',
  { concurrency: 3 },
  () => {
    const transports = { 'over stdio': {}, 'over HTTP': { http: true }, relayed: { relay: true } }
    for (const [title, transport] of Object.entries(transports)) {
      for (const heir of [false, true]) {
        const while_ = heir ? ', though a child of it goes on' : ''

        test(`${title}${while_}`, async (t) => {
          const rig = startRig(t)
          const chars = 1_000_000
          const lengths = await Promise.all(
            [1, 2, 3].map(async () => {
              const worker = await rig.start(['answers-and-exits.js'], transport)
              const answer = await call<string>(worker, await open(worker), 'last', { chars, heir })
              assert.deepEqual(await worker.exited, { code: 0, signal: null, how: 'exit code 0' })
              return answer.length
            }),
          )
          assert.deepEqual(lengths, [chars, chars, chars])
          await rig.nothingLeft()
        })
      }
    }

    test('without a PID namespace as well', async (t) => {
      const rig = startRig(t, { namespace: noNamespace })
      const worker = await rig.start(['answers-and-exits.js'])
      const args = { chars: 1_000_000, heir: true }
      assert.equal(
        (await call<string>(worker, await open(worker), 'last', args)).length,
        args.chars,
      )
      await worker.exited
      await rig.nothingLeft()
    })
  },
)

suite('a stdio server that is of no use any more is ended', { concurrency: 3 }, () => {
  test('because it closed its stdout: what waits is told', async (t) => {
    const worker = await startRig(t).start(['closes-stdout.js'])
    const message = await errorOf(worker, await open(worker), 'close')
    assert.equal(message, 'The server ended (it closed its standard output) before it answered.')
    assert.equal((await worker.exited).how, 'it closed its standard output')
  })

  test('because it closed its stdin: what cannot be written is told, too', async (t) => {
    const worker = await startRig(t).start(['closes-stdin.js'])
    const sessionId = await open(worker)
    assert.equal(await call(worker, sessionId, 'close'), 'closed')
    const message = await errorOf(worker, sessionId, 'anything')
    assert.match(message, /it closed its standard input|takes no more messages/)
    assert.equal((await worker.exited).how, 'it closed its standard input')
  })

  test('also when it ignores that it is asked to end', async (t) => {
    const worker = await startRig(t).start(['sh', '-c', 'trap "" TERM; exec >&-; sleep 1000'])
    const { error } = await messageOf(await post(worker, { ...calling('x'), method: 'initialize' }))
    assert.match(String(error?.message), /it closed its standard output/)
    assert.equal((await worker.exited).signal, 'SIGKILL')
  })
})

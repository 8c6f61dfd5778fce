import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import type { GatewayError } from '../../src/ground/errors.ts'
import type { LaunchOrigin, LocalSpec } from '../../src/workers/driver.ts'
import { hasCode } from '../suites/driver.ts'
import { freePort } from '../support/free-port.ts'
import type { Rig, SpecOptions } from './rig.ts'
import { open, outputOf, post, skipWithoutSandbox, startRig } from './rig.ts'

const skip = process.platform === 'linux' ? false : 'whose a socket is tells /proc alone'
const onCommandLine: LaunchOrigin = { isCommandLine: true, withheld: [] }
/** Long enough for a busy machine; nobody should have to wait for it. */
const startTimeoutMs = 120_000
const initialize = {
  ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  },
}

function specOf(rig: Rig, words: string[], options: SpecOptions, origin?: LaunchOrigin): LocalSpec {
  const spec = rig.spec(['listens-elsewhere.js', ...words], { startTimeoutMs, ...options })
  return origin === undefined ? spec : { ...spec, launch: { ...spec.launch, origin } }
}

async function failureOf(
  t: TestContext,
  words: string[],
  options: SpecOptions,
  origin?: LaunchOrigin,
): Promise<GatewayError> {
  const rig = startRig(t)
  let error: unknown
  await assert.rejects(rig.startSpec(specOf(rig, words, options, origin)), (thrown: unknown) => {
    error = thrown
    hasCode('ERR_WORKERS_LISTENS_ELSEWHERE')(thrown)
    return true
  })
  await rig.nothingLeft()
  return error as GatewayError
}

suite('an HTTP server that listens elsewhere', { concurrency: 3, skip }, () => {
  test('is not waited for, and its keys are named', async (t) => {
    const port = await freePort()
    const { message, details } = await failureOf(t, [String(port)], { http: true })
    const expected = [
      `^The command listens-elsewhere\\.js ${port} listens on 0\\.0\\.0\\.0:${port} and not on the port in PORT \\(\\d+\\)\\.`,
      `Set port: ${port} for one session at a time, or port: ${port}, isolation: sandbox and network: private for many at once\\.`,
      'Or let it listen on the port that it finds in PORT\\.$',
    ]
    assert.match(message, new RegExp(expected.join(' ')))
    assert.deepEqual(details?.['listens'], { address: '0.0.0.0', port, speaks: 'mcp' })
  })

  test('has its options named where it was started from the command line', async (t) => {
    const [port, other] = [await freePort(), await freePort()]
    const options = { http: true, port: other }
    const { message } = await failureOf(t, [String(port)], options, onCommandLine)
    assert.match(
      message,
      new RegExp(
        `and not on port ${other}\\. Use --port ${port} for one session at a time, or --port ${port} --isolation sandbox --network private for many at once\\.$`,
      ),
    )
  })

  test('is an agent by its health, or has an old transport', async (t) => {
    const ports = [await freePort(), await freePort()]
    const [agent, sse] = await Promise.all([
      failureOf(t, [String(ports[0]), 'agent'], { http: true }, onCommandLine),
      failureOf(t, [String(ports[1]), 'sse'], { http: true }),
    ])
    assert.match(agent.message, new RegExp(`Use --protocol http --port ${ports[0]} for one`))
    assert.match(sse.message, /It speaks HTTP\+SSE, which Berth does not carry: let it serve/)
  })

  test('gets a part of its time when nobody can tell what is there', async (t) => {
    const port = await freePort()
    const options = { http: true, startTimeoutMs: 20_000 }
    const { message, details } = await failureOf(t, [String(port), 'helper'], options)
    assert.match(message, new RegExp(`listens on 127\\.0\\.0\\.1:${port} and not`))
    assert.match(message, /If it only takes longer, raise startTimeoutMs\.$/)
    assert.deepEqual(details?.['listens'], { address: '127.0.0.1', port, speaks: 'unknown' })
  })

  test('may do so beside, before it listens where it should', async (t) => {
    const rig = startRig(t)
    const worker = await rig.startSpec(specOf(rig, ['0', 'helper', '4000'], { http: true }))
    await open(worker)
  })

  test('is found in a network of its own', { skip: skipWithoutSandbox }, async (t) => {
    const rig = startRig(t, { isolation: 'sandbox' })
    const sandbox = { network: 'private' as const, outbound: false }
    await assert.rejects(
      rig.startSpec(specOf(rig, ['3000'], { http: true, sandbox }, onCommandLine)),
      (thrown: Error) => {
        assert.match(thrown.message, /:3000 and not on port 8000\. Use --port 3000\.$/)
        return true
      },
    )
  })
})

suite('a stdio server that listens', { concurrency: 3, skip }, () => {
  test('and says nothing on stdio is ended, and why', async (t) => {
    const port = await freePort()
    const rig = startRig(t)
    const worker = await rig.startSpec(specOf(rig, [String(port)], { env: {} }))
    const refusal = await post(worker, initialize)
    assert.match(
      await refusal.text(),
      new RegExp(`it listens on 0\\.0\\.0\\.0:${port} and says nothing`),
    )
    const { how, listens } = await worker.exited
    assert.equal(how, `it listens on 0.0.0.0:${port} and says nothing on stdio`)
    assert.deepEqual(listens, { address: '0.0.0.0', port, speaks: 'mcp' })
    await rig.nothingLeft()
  })

  test('is left alone while it has been asked nothing, and when it answers late', async (t) => {
    const port = await freePort()
    const rig = startRig(t)
    const spec = specOf(rig, [String(port), 'helper', '4000'], {})
    const worker = await rig.startSpec(spec)
    await open(worker)
    assert.equal(outputOf(spec), '')
  })
})

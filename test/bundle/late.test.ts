import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { alive } from '../support/processes.ts'

const owner = { after }
const command: ['node', string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
const reopened = ({ _meta: meta }: CallToolResult) =>
  meta?.['mcp-berth/reopened'] as { server: string; reason: string } | undefined

describe('the servers of a bundle', async () => {
  const gateway = await startTestGateway(
    owner,
    { one: { command }, two: { command }, broken: { command: ['node', '-e', 'process.exit(3)'] } },
    {
      bundles: {
        team: { servers: ['one', 'two'] },
        strict: { servers: ['one'], onMemberEnd: 'fail' },
        partly: { servers: ['one', 'broken'] },
      },
    },
  )
  const starts = (server: string): number =>
    gateway.seen('worker.started').filter((news) => news.server === server).length
  /** Of the newest worker, as this machine knows it. */
  const pidOf = (server: string): number =>
    gateway.seen('worker.started').findLast((news) => news.server === server)?.pid ?? 0
  const connect = (bundle: string) => connectClient(owner, gateway.bundle(bundle))
  // What they have is learnt by the first session.
  const first = await connect('team')
  await first.terminate()

  test('start when a call needs one, for its session alone, and end with it', async () => {
    const before = [starts('one'), starts('two')]
    const { client, call, terminate } = await connect('team')
    const { tools } = await client.listTools()
    assert.ok(tools.some(({ name }) => name === 'one_pid'))
    assert.ok(tools.some(({ name }) => name === 'two_pid'))
    await client.listResources()
    assert.deepEqual([starts('one'), starts('two')], before)
    await call('two_pid')
    const pid = pidOf('two')
    await call('two_pid')
    assert.deepEqual([starts('one'), starts('two')], [before[0], (before[1] ?? 0) + 1])
    const other = await connect('team')
    await other.call('two_pid')
    assert.notEqual(pidOf('two'), pid)
    await terminate()
    await eventually(() => assert.ok(!alive(pid)))
    assert.notEqual((await other.call('two_pid')).isError, true)
  })

  test('go on in another session when theirs has ended, and it is told', async () => {
    const { call } = await connect('team')
    const first = await call('one_pid')
    assert.equal(reopened(first), undefined)
    process.kill(pidOf('one'), 'SIGKILL')
    await gateway.saw(
      'session.closed',
      ({ server, reason }) => server === 'one' && reason === 'worker-exited',
    )
    const second = await call('one_pid')
    assert.equal(reopened(second)?.server, 'one')
    assert.equal(reopened(second)?.reason, 'worker-exited')
    assert.equal(reopened(await call('one_pid')), undefined)
  })

  test('answer what was under way when they ended with an error, and nothing is sent twice', async () => {
    const { call } = await connect('team')
    await call('one_pid')
    const calls = (): number =>
      gateway
        .seen('exchange.started')
        .filter(({ server, method }) => server === 'one' && method === 'tools/call').length
    const before = calls()
    const hanging = call('one_hang')
    hanging.catch(() => undefined)
    await eventually(() => assert.equal(calls(), before + 1))
    const closed = gateway.seen('session.closed').length
    process.kill(pidOf('one'), 'SIGKILL')
    await assert.rejects(hanging)
    await eventually(() => assert.ok(gateway.seen('session.closed').length > closed))
    assert.equal(textOf(await call('one_cancellations')), '0')
  })

  test('are an error once where the configuration wants that', async () => {
    const { call } = await connect('strict')
    await call('one_pid')
    const pid = pidOf('one')
    const count = gateway.seen('session.closed').length
    process.kill(pid, 'SIGKILL')
    await eventually(() => assert.ok(gateway.seen('session.closed').length > count))
    await assert.rejects(call('one_pid'), /had ended \(worker-exited\).*call again/)
    assert.equal(reopened(await call('one_pid')), undefined)
  })

  test('are left out with the reason when they cannot be started', async () => {
    const { client, call } = await connect('partly')
    assert.match(client.getInstructions() ?? '', /broken is not there yet: it could not be started/)
    const { tools } = await client.listTools()
    assert.ok(tools.every(({ name }) => name.startsWith('one_')))
    assert.notEqual((await call('one_pid')).isError, true)
    await assert.rejects(call('broken_x'), { code: -32602 })
    assert.ok(gateway.seen('operator.warned').some(({ server }) => server === 'broken'))
  })

  test('say when their lists change, and the new ones are listed', async () => {
    const adds = await startTestGateway(
      owner,
      {
        grows: {
          command: ['node', compiled('test/fixtures/workers/adds-tools.js')],
        },
      },
      { bundles: { team: { servers: '*' } } },
    )
    const { client, call } = await connectClient(owner, adds.bundle('team'))
    let changes = 0
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void (changes += 1))
    const names = async (): Promise<string[]> =>
      (await client.listTools()).tools.map(({ name }) => name)
    assert.deepEqual(await names(), ['grows_add'])
    await call('grows_add')
    await eventually(() => assert.ok(changes > 0))
    assert.deepEqual(await names(), ['grows_add', 'grows_added'])
    assert.equal(textOf(await call('grows_added')), 'added')
    // It is so for this session alone.
    const other = await connectClient(owner, adds.bundle('team'))
    assert.deepEqual(
      (await other.client.listTools()).tools.map(({ name }) => name),
      ['grows_add'],
    )
  })
})

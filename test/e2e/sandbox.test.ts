import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestConfig, TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { need } from '../support/needs.ts'
import { tempDir } from '../support/temp.ts'
import { skipWithoutSandbox } from '../workers/rig.ts'
import { demoServers } from './transports.ts'

const project = join(import.meta.dirname, '..', '..', '..')
const answers = { destination: 'Porto', kind: 'beach', nights: 2, adults: 1, book: true }
const env = { PATH: process.env['PATH'] ?? '' }

interface Looked {
  files: string[][]
  env: Record<string, string>
}

describe('in a sandbox', { concurrency: 3, skip: skipWithoutSandbox }, () => {
  for (const network of ['host', 'none', 'private'] as const) {
    it(`the trip planner has its whole conversation, network: ${network}`, async (t) => {
      const options = { driver: 'sandbox', sandbox: { network, outbound: false } }
      const gateway = await startTestGateway(t, demoServers('trip-planner', options))
      for (const transport of ['stdio', 'http']) {
        const steps: number[] = []
        const { call } = await connectClient(t, gateway.mcp(transport), {
          elicitation: () => ({ action: 'accept', content: answers }),
          sampling: () => 'Swim.',
          onProgress: ({ progress }) => steps.push(progress),
        })
        const { structuredContent } = await call('plan_trip')
        const { outcome, tips } = structuredContent as Record<string, string>
        assert.deepEqual([outcome, tips], ['booked', 'Swim.'])
        assert.deepEqual(steps, [1, 2, 3, 4, 5])
      }
    })
  }

  for (const version of ['fastmcp3', 'fastmcp4'] as const) {
    it(`an unmodified ${version} server on 0.0.0.0:8000 serves three at once`, async (t) => {
      const python = need(t, version)
      if (python === undefined) return
      const file = join(project, 'test', 'fixtures', 'python', 'hard-coded.py')
      const gateway = await startTestGateway(t, {
        fixed: {
          command: [python, file],
          http: true,
          driver: 'sandbox',
          sandbox: { network: 'private', outbound: false },
          startTimeoutMs: 60_000,
        },
      })
      const elicitation = () => ({ action: 'accept' as const, content: { value: 'Porto' } })
      const clients = await Promise.all(
        ['a', 'b', 'c'].map(() => connectClient(t, gateway.mcp('fixed'), { elicitation })),
      )
      for (const [index, { call }] of clients.entries()) {
        const text = `note ${index}`
        const { structuredContent } = await call('remember', { text })
        assert.deepEqual(structuredContent, { result: [text] })
        assert.equal(textOf(await call('ask')), 'accept: Porto')
        // Its own and nobody else's, not even the gateway's.
        assert.equal(textOf(await call('listeners')), '1')
      }
      assert.equal(gateway.seen('operator.warned').length, 0)
    })
  }

  it('a server that npx starts from its project works', async (t) => {
    const gateway = await startTestGateway(t, {
      npx: {
        command: ['npx', '--no-install', 'mcp-server-everything'],
        driver: 'sandbox',
        cwd: project,
        env: { ...env, HOME: process.env['HOME'] ?? '/root' },
        sandbox: { network: 'none' },
      },
    })
    const { client, call } = await connectClient(t, gateway.mcp('npx'))
    assert.ok((await client.listTools()).tools.length > 5)
    assert.match(textOf(await call('echo', { message: 'hello' })), /hello/)
  })

  it('what it writes stays in the session, but for its workspace and what is mounted', async (t) => {
    const [cwd, shared] = [tempDir(t), tempDir(t)]
    writeFileSync(join(cwd, 'there'), 'before')
    const gateway = await startTestGateway(t, {
      writes: {
        command: ['node', compiled('test/fixtures/workers/surroundings.js')],
        driver: 'sandbox',
        cwd,
        env: { ...env, LEAVE_ALSO: '/shared' },
        sandbox: { mounts: [{ from: shared, to: '/shared', write: true }] },
      },
    })
    const [one, other] = [
      await connectClient(t, gateway.mcp('writes')),
      await connectClient(t, gateway.mcp('writes')),
    ]
    await one.call('leave', { name: 'mine' })
    const look = async ({ call }: typeof one): Promise<Looked> => {
      const looked = JSON.parse(textOf(await call('look'))) as Looked
      // The folders of this test may stand in the temporary directory as well.
      const files = looked.files.map((names) => names.filter((name) => /^(mine|there)$/.test(name)))
      return { ...looked, files }
    }
    const [own, others] = [await look(one), await look(other)]
    assert.deepEqual(own.files, [['mine', 'there'], ['mine'], ['mine'], ['mine']])
    assert.deepEqual(others.files, [['there'], [], [], ['mine']])
    assert.deepEqual(readdirSync(cwd), ['there'])
    assert.deepEqual(readdirSync(shared), ['mine'])
    assert.equal(own.env['TMPDIR'], '/tmp')
    await one.terminate()
    const handle = gateway.seen('session.opened')[0]?.session ?? ''
    await gateway.saw('session.closed', ({ session }) => session === handle)
    const root = join(gateway.stateDir, 'sessions', handle)
    assert.deepEqual(readdirSync(join(root, 'workspace')), ['mine'])
    assert.deepEqual(readdirSync(root).sort(), ['output.log', 'workspace'])
  })

  it('with a limit of its disk it can write no more than that', async (t) => {
    const gateway = await startTestGateway(t, {
      fills: {
        command: ['node', compiled('test/fixtures/workers/fills.js')],
        driver: 'sandbox',
        limits: { diskBytes: 8 * 1024 ** 2 },
      },
    })
    const { call } = await connectClient(t, gateway.mcp('fills'))
    for (const place of ['TMPDIR', 'BERTH_WORKSPACE', 'HOME']) {
      assert.match(textOf(await call('fill', { place, bytes: 16 * 1024 ** 2 })), /ENOSPC/)
    }
    assert.match(textOf(await call('litter', { files: 5000 })), /ENOSPC/)
  })

  it('a server that cannot have what it asks for keeps the gateway from starting', async (t) => {
    const node: [string] = ['node']
    const cases: [Record<string, TestServer>, TestConfig, RegExp][] = [
      [
        { a: { command: node, driver: 'sandbox' } },
        { searchPath: '/nowhere' },
        /mcpServers\.a\.isolation: sandbox cannot be had here: bwrap is not installed: apt-get/,
      ],
      [
        { b: { command: node, limits: { diskBytes: 1 }, requireLimits: true } },
        {},
        /mcpServers\.b\.limits\.disk: cannot be enforced: a process writes where it may/,
      ],
    ]
    for (const [servers, config, message] of cases) {
      await assert.rejects(startTestGateway(t, servers, config), message)
    }
  })
})

import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import type { TestGateway } from '../support/gateway.ts'
import { startTestGateway } from '../support/gateway.ts'
import { commandOf, descendants, keeperAbove, processesWith } from '../support/processes.ts'
import { rawRequest } from '../support/raw-http.ts'
import { callTool, openSession } from '../support/raw-mcp.ts'
import { meanwhile } from '../support/patience.ts'
import { createChances } from './random.ts'

const seed = Number(process.env['BERTH_CHAOS_SEED'] ?? randomInt(2 ** 31))
const chances = createChances(seed)
const sessionCount = 50
const atOnce = 10

/** How a session may end, or not. */
const fates = [
  'deleted',
  'server killed',
  'keeper killed',
  'some process killed',
  'exits',
  'left open',
] as const

interface Identity {
  session: string
}

test(`sessions opened and closed at random leave nothing (BERTH_CHAOS_SEED=${seed})`, async (t) => {
  const mark = randomBytes(8).toString('hex')
  const env = { PATH: process.env['PATH'] ?? '', BERTH_TEST_MARK: mark }
  const echo: TestServer = {
    command: ['node', compiled('test/fixtures/workers/tells-who.js')],
    env,
    graceMs: 500,
  }
  const servers: Record<string, TestServer> = {
    stdio: echo,
    warm: { ...echo, warm: { min: 2, max: 4, maxAgeMs: 600_000 } },
    http: { ...echo, http: true },
    relayed: { ...echo, http: true, relay: true },
    alone: { ...echo, sessionsPerKeeper: 1 },
  }
  const gateway = await startTestGateway(t, servers)
  const names = Object.keys(servers) as [string, ...string[]]
  const answers = { right: 0, failed: 0 }

  /** Calls that may fail, when their session ends, but may not be answered by another session. */
  const callAtRandom = async (server: string, id: string): Promise<void> => {
    const target = { url: gateway.mcp(server) }
    const tool = chances.pick(['identify', 'wait'])
    try {
      const args = { ms: chances.upTo(100) }
      const { session } = await callTool<Identity>(target, id, tool, args)
      assert.equal(session, id, 'an answer of another session')
      answers.right += 1
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      answers.failed += 1
    }
  }

  const play = async (): Promise<void> => {
    const server = chances.pick(names)
    if (chances.upTo(8) === 0) {
      await abandon(gateway.mcp(server), chances.upTo(250))
      return
    }
    const fate = chances.pick(fates)
    const id = await openSession({ url: gateway.mcp(server) }).catch((thrown: unknown) => {
      // With the keeper that was killed under it.
      if (server === 'alone') throw thrown
      answers.failed += 1
    })
    if (id === undefined) return
    const calls = Array.from({ length: 1 + chances.upTo(4) }, () => callAtRandom(server, id))
    await meanwhile(chances.upTo(60))
    await meet(fate, gateway, server, id)
    await Promise.all(calls)
    if (fate === 'left open') return
    const handle = handleOf(id)
    const { reason } = await gateway.saw('session.closed', ({ session }) => session === handle)
    const isLost = server !== 'alone' && reason === 'worker-exited'
    if (!isLost) assert.equal(reason, fate === 'deleted' ? 'client-deleted' : 'worker-exited')
  }

  let left = sessionCount
  const player = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await play()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, player))
  t.diagnostic(`${answers.right} calls were answered, ${answers.failed} failed with their session`)
  assert.ok(answers.right > 0)

  assert.ok(gateway.seen('warm.claimed').length > 0)

  // What was left open is all that is there, beside what waits.
  const open = await eventually(async () => {
    const sessions = await listSessions(gateway)
    assert.ok(
      sessions.every(({ state }) => state === 'live'),
      JSON.stringify(sessions),
    )
    return sessions
  })
  await eventually(() => {
    const workers = open.length + warmIn(gateway)
    assert.equal(readdirSync(join(gateway.stateDir, 'workers')).length, workers)
    const servers = processesWith(mark).filter(({ pid }) => isServer(pid))
    assert.equal(servers.length, workers)
  })

  await gateway.close({ drainMs: 0 })
  assert.equal(gateway.seen('session.closed').length, gateway.seen('session.opened').length)
  assert.deepEqual(
    processesWith(mark).map(({ pid }) => commandOf(pid)),
    [],
  )
  const children = descendants(process.pid).map(({ pid }) => commandOf(pid))
  assert.deepEqual(
    children.filter((command) => command.includes('keeper')),
    [],
  )
  for (const folder of ['workers', 'run', 'gateways', 'sessions']) {
    assert.deepEqual(readdirSync(join(gateway.stateDir, folder)), [], folder)
  }
  const said = readFileSync(join(gateway.stateDir, 'keepers.log'), 'utf8')
  // What waited for the one that was killed says so: the shell, or unshare in its own way.
  assert.match(said, /^(Killed\n|unshare: .*\n)*$/, 'a keeper failed')
})

/** Opens a session and goes away before it is open, or just after. */
async function abandon(url: string, afterMs: number): Promise<void> {
  const gone = new AbortController()
  void meanwhile(afterMs).then(() => gone.abort())
  const message = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }
  await rawRequest(url, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    },
    body: message,
    signal: gone.signal,
  }).catch(() => undefined)
}

async function meet(
  fate: (typeof fates)[number],
  gateway: TestGateway,
  server: string,
  id: string,
): Promise<void> {
  if (fate === 'left open') return
  const url = gateway.mcp(server)
  if (fate === 'deleted') {
    const answer = await rawRequest(url, { method: 'DELETE', headers: { 'mcp-session-id': id } })
    if (server === 'alone') assert.equal(answer.status, 200)
  } else if (fate === 'exits') {
    await callTool({ url }, id, 'exit', { code: 1 }).catch(() => undefined)
  } else {
    const { pid = 0 } = await gateway.saw(
      'worker.started',
      ({ session }) => session === handleOf(id),
    )
    const isKeeper = (each: number): boolean => /^\S*node .*main\.js$/.test(commandOf(each))
    const tree = [pid, ...descendants(pid).map((entry) => entry.pid)]
    // A keeper that is shared stands outside.
    const own = [...new Set([...tree, ...tree.flatMap((each) => keeperAbove(each) ?? [])])]
    const victims = own.filter((each) => {
      if (fate === 'server killed') return isServer(each)
      if (fate === 'keeper killed') return isKeeper(each)
      return true
    })
    try {
      process.kill(victims[chances.upTo(victims.length)] ?? pid, 'SIGKILL')
    } catch {
      // It has just ended: with the keeper that it shared.
    }
  }
}

const isServer = (pid: number): boolean => /^\S*node \S*tells-who\.js$/.test(commandOf(pid))

/** How many workers wait for a session. */
function warmIn(gateway: TestGateway): number {
  const [started, ...gone] = (['warm.started', 'warm.claimed', 'warm.retired'] as const).map(
    (name) => gateway.seen(name).length,
  ) as [number, ...number[]]
  return gone.reduce((left, count) => left - count, started)
}

/** Sessions that have not ended, as the admin API knows them. */
async function listSessions(gateway: TestGateway): Promise<{ state: string }[]> {
  const file = join(gateway.stateDir, 'gateways', `${process.pid}.json`)
  const { token } = JSON.parse(readFileSync(file, 'utf8')) as { token: string }
  const answer = await rawRequest(`${gateway.adminUrl}/api/sessions`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return (await answer.json<{ sessions: { state: string }[] }>()).sessions
}

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'

import { askToHandOver } from '../../src/admin/predecessor.ts'
import { checkTakeover } from '../../src/cli/takeover.ts'
import { startGateway } from '../../src/gateway.ts'
import type { GatewayIdentity } from '../../src/ground/identity-files.ts'
import { ownIdentity } from '../../src/workers/identity.ts'
import { askAdmin } from '../support/admin.ts'
import { atEnd } from '../support/at-end.ts'
import { compiled, testConfig, testServer } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { rawRequest } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'
import { tempDir } from '../support/temp.ts'
import { meanwhile } from '../support/patience.ts'
import { place } from './berth.ts'

const waits = compiled('test/fixtures/workers/waits-for-file.js')

describe('the addresses of a gateway', { concurrency: 3 }, () => {
  it('are handed over to a newer one, while the old one answers what it has begun', async (t) => {
    const here = place(t)
    const [port, adminPort] = [await freePort(), await freePort()]
    const old = await here.serve([
      ...['--listen-port', String(port), '--admin-port', String(adminPort)],
      ...['--', 'node', waits],
    ])
    const file = join(here.folder, 'finish')
    const session = await openRaw(old.mcp('server'))
    const call = session.call('wait', { file })
    const admin = { stateDir: here.stateDir, adminUrl: `http://127.0.0.1:${adminPort}` }
    await eventually(async () => {
      const shown = await askAdmin(admin, `/api/sessions/${session.handle}`)
      assert.match(await shown.text(), /"openExchanges":1/)
    })

    const visits = visit(`${old.url}/healthz`)
    const newer = await startGatewayProcess(
      t,
      { server: { command: ['node', waits] } },
      {
        stateDir: here.stateDir,
        overrides: { listen: { port }, admin: { host: '127.0.0.1', port: adminPort } },
        takeover: true,
      },
    )
    assert.equal(newer.predecessor, old.child.pid)
    await old.says(/^A newer gateway has taken over; 1 request is finishing …$/m)
    assert.deepEqual(readdirSync(join(here.stateDir, 'gateways')), [`${newer.pid}.json`])
    const next = await openRaw(newer.mcp('server'))
    assert.equal(newer.mcp('server'), old.mcp('server'))
    await newer.saw('session.live', (news) => news.session === next.handle)

    writeFileSync(file, '')
    const answer = await call
    assert.equal(answer.headers.connection, 'close')
    assert.match(await answer.text(), /found/)
    assert.equal((await old.done).code, 0)
    assert.ok((await visits.end()) > 0)
  })

  it('are waited for where the gateway of the identity file is none any more', async (t) => {
    const stateDir = tempDir(t)
    const holder = await listening(t)
    const port = await portOf(holder)
    mkdirSync(join(stateDir, 'gateways'))
    const recycled = { ...ownIdentity(), pid: process.ppid, url: `http://127.0.0.1:${port}` }
    writeFileSync(join(stateDir, 'gateways', '1.json'), JSON.stringify(recycled))
    writeFileSync(join(stateDir, 'gateways', '2.json'), '{')
    const config = testConfig(stateDir, [testServer('one', {})], { listen: { port } })
    const waiting: string[] = []
    const gateway = await startGateway(config, {
      takeover: true,
      onEvents: (events) =>
        events.on('operator.warned', ({ message }) => {
          if (!message.includes('in use')) return
          waiting.push(message)
          holder.close()
        }),
    })
    atEnd(t, () => gateway.close({ drainMs: 0 }))
    assert.deepEqual(waiting, [`Port ${port} is in use; trying again for 15 s.`])
    assert.deepEqual([gateway.predecessor, gateway.url], [undefined, `http://127.0.0.1:${port}`])
  })

  it('are not handed over by each: it is said how to stop one, unless it is gone', async () => {
    const server = createHttpServer((_request, response) => response.writeHead(404).end())
    const adminUrl = `http://127.0.0.1:${await portOf(server.listen(0, '127.0.0.1'))}`
    const place = { pidNamespace: '', url: 'http://o', adminUrl, token: 'secret' }
    const old: GatewayIdentity = { ...ownIdentity(), ...place }
    await assert.rejects(askToHandOver(old), (error) => {
      assert.match(String(error), /it answered 404\. Stop it with kill \d+, and start this one/)
      assert.doesNotMatch(String(error), /secret/)
      return true
    })
    server.close()
    await once(server, 'close')
    assert.equal(await askToHandOver(old), undefined)
  })

  it('are not taken over where sessions would end, or nobody would find the new one', async (t) => {
    const { code, stderr } = await place(t).berth(['serve', '--takeover', '--', 'node'])
    assert.equal(code, 2)
    assert.match(
      stderr,
      /^mcp-berth: --takeover needs store: \{ kind: redis \}, because with memory every session ends with its gateway\.\n/,
    )
    assert.throws(
      () => checkTakeover({ store: { kind: 'redis' }, listen: { port: 0 } }),
      /--takeover needs a fixed port/,
    )
    checkTakeover({ store: { kind: 'redis' }, listen: { port: 8080 } })
  })
  it('are those of the sockets that systemd passes', async (t) => {
    const here = place(t)
    const [front, back] = [await listening(t), await listening(t)]
    const { url, admin } = { url: await urlOf(front), admin: await urlOf(back) }
    const serving = here.serve(['--', 'node', waits], { sockets: { front, admin: back } })
    for (const server of [front, back]) server.close()
    // What comes before anybody accepts is not refused.
    const early = rawRequest(`${url}/healthz`)
    const { said, child, url: told } = await serving
    assert.equal(told, url)
    assert.equal((await early).status, 200)
    assert.match(said(), /note: 127\.0\.0\.1:\d+ is a socket that was passed .*; listen\.host and/)
    const [file = ''] = readdirSync(join(here.stateDir, 'gateways'))
    const identity = readFileSync(join(here.stateDir, 'gateways', file), 'utf8')
    assert.equal((JSON.parse(identity) as GatewayIdentity).adminUrl, admin)
    if (process.platform === 'linux') {
      const [, flags = ''] =
        /flags:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid ?? 0}/fdinfo/3`, 'utf8')) ?? []
      assert.ok(parseInt(flags, 8) & 0o2000000, 'no worker inherits it')
    }
  })

  it('are refused as a socket where they would be refused in the configuration', async (t) => {
    const everywhere = await listening(t, '0.0.0.0')
    const { code, stderr } = await place(t).start(['serve', '--', 'node'], {
      sockets: { public: everywhere },
    }).done
    assert.equal(code, 1)
    assert.match(stderr, /the public socket that was passed listens on 0\.0\.0\.0:\d+: other mach/)
    assert.match(stderr, /--allow-anonymous any-address\) if the whole network may\.\n$/)
  })

  it('are one for clients, and that over TCP', async (t) => {
    const { start } = place(t)
    const local = createServer().listen(join(tempDir(t), 'berth.sock'))
    await once(local, 'listening')
    atEnd(t, () => void local.close())
    const [first, second] = [await listening(t), await listening(t)]
    const table: [Record<string, Server>, RegExp][] = [
      [{ berth: local }, /descriptor 3 \(berth\) is no TCP socket\. Pass a listening TCP /],
      [{ first, second }, /descriptor 4 \(second\) is a second public one\. Berth takes one /],
    ]
    for (const [sockets, says] of table) {
      const { code, stderr } = await start(['serve', '--', 'node'], { sockets }).done
      assert.deepEqual([code, stderr.startsWith('mcp-berth: LISTEN_FDS: ')], [1, true], stderr)
      assert.match(stderr, says)
    }
  })
})

/** Comes again and again, as a client that tries until it is served. */
function visit(url: string): { end(): Promise<number> } {
  let isOver = false
  const run = async (): Promise<number> => {
    let count = 0
    for (; !isOver; count += 1) {
      const attempt = () => rawRequest(url)
      const response = await eventually(attempt, { everyMs: 10 })
      assert.equal(await response.text(), '{"status":"ok"}')
      await meanwhile(10)
    }
    return count
  }
  const running = run()
  return {
    end() {
      isOver = true
      return running
    },
  }
}

async function listening(t: TestContext, host = '127.0.0.1'): Promise<Server> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  atEnd(t, () => void server.close())
  return server
}

async function portOf(server: Server): Promise<number> {
  if (!server.listening) await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function urlOf(server: Server): Promise<string> {
  return `http://127.0.0.1:${await portOf(server)}`
}

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'

import { rawRequest, postRpc } from '../support/raw-http.ts'
import { atEnd } from '../support/at-end.ts'
import { startTestGateway } from '../support/gateway.ts'
import { skipWithoutSandbox } from '../workers/rig.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { agentProgram, agentServer, invoke, invokeRaw } from './agent-rig.ts'
import type { Told } from './agent-rig.ts'
import { awsError, runtimeServer, runtimeSession, signature } from './rig.ts'

const gateway = await startTestGateway(
  { after },
  {
    'echo-1': agentServer,
    ill: { ...agentServer, command: ['node', agentProgram, 'ping=503'], startTimeoutMs: 2500 },
    keyed: {
      ...agentServer,
      credentials: {
        env: { KEY: [{ kind: 'header', name: 'x-key' }] },
        headers: {},
        clientHeaders: ['x-key'],
      },
    },
    slow: { ...agentServer, command: ['node', agentProgram, 'ping=503'] },
    pingless: { ...agentServer, command: ['node', agentProgram, 'ping=404'] },
    mute: { ...agentServer, command: ['node', '-e', 'process.exit(4)'] },
    shown: { ...agentServer, isDefault: true },
    tools: runtimeServer,
    walled: {
      ...agentServer,
      command: ['node', agentProgram, '8080'],
      driver: 'sandbox',
      sandbox: { network: 'private', outbound: false },
    },
  },
)
const { url } = gateway.runtime('echo-1')
const at = (server: string): string => `${gateway.url}/servers/${server}/invocations`
const stop = (name: string, headers = {}) =>
  rawRequest(url.replace('/invocations', '/stopruntimesession'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', [runtimeSession]: name, ...headers },
    body: { clientToken: 'x'.repeat(40) },
  })

describe('an agent that speaks no MCP', { concurrency: 6 }, () => {
  test('has one worker for each session, which its client names', async () => {
    const [mine, other] = [randomUUID(), `a-name-of-my-own-choice-${randomUUID()}`]
    const [first, ...more] = await Promise.all([mine, mine, other].map((n) => invoke(url, {}, n)))
    assert.equal(first!.me, more[0]!.me)
    assert.notEqual(first!.me, more[1]!.me)
    const told = await invoke(url, { prompt: 'hi' }, mine)
    assert.deepEqual([told.me, told.count, told.body], [first!.me, 3, '{"prompt":"hi"}'])
    assert.equal(told.headers[runtimeSession], mine)
    assert.ok(told.headers['x-amzn-bedrock-agentcore-runtime-request-id'])
  })

  test('gets a name that is given back, where its client has none', async () => {
    const answer = await invokeRaw(url, 'plain words', undefined, {
      headers: { 'content-type': 'text/plain', accept: 'text/plain', cookie: 'a=b' },
    })
    const name = String(answer.headers[runtimeSession])
    assert.match(name, /^[a-zA-Z0-9][a-zA-Z0-9-_]{32,99}$/)
    assert.ok(answer.headers['x-amzn-requestid'])
    const { me, body, headers } = await answer.json<Told>()
    assert.deepEqual([body, headers['content-type']], ['plain words', 'text/plain'])
    assert.equal(headers.cookie, undefined)
    assert.equal((await invoke(url, {}, name)).me, me)
    const untyped = await rawRequest(url, { method: 'POST', headers: { [runtimeSession]: name } })
    assert.equal((await untyped.json<Told>()).headers['content-type'], 'application/json')
  })

  for (const kind of ['events', 'lines'] as const) {
    test(`streams ${kind} as they come, beside other invocations`, async () => {
      const name = randomUUID()
      const answer = await invokeRaw(url, { stream: kind }, name)
      assert.equal(answer.headers[runtimeSession], name)
      const first = kind === 'events' ? answer.next() : undefined
      if (first !== undefined) assert.equal((await first)?.data, '{"first":true}')
      await invoke(url, { release: true }, name)
      if (kind === 'lines') assert.equal(await answer.text(), 'first\nlast\n')
      else {
        assert.deepEqual(
          (await answer.rest()).map(({ data }) => data),
          ['{"last":true}'],
        )
      }
      const { outcome } = await gateway.saw(
        'exchange.ended',
        ({ method }) => method === 'invocations',
      )
      assert.equal(outcome, 'answered')
    })
  }

  test('begins anew under the name of a session that was stopped', async () => {
    const name = randomUUID()
    const before = await invoke(url, {}, name)
    const open = await invokeRaw(url, { stream: 'events' }, name)
    await open.next()
    assert.equal((await stop(name)).status, 200)
    // Nothing is made up in a stream of bytes: it is cut.
    await assert.rejects(open.rest())
    const nothing = [404, 'ResourceNotFoundException', 'Session not found or already terminated']
    assert.deepEqual(await awsError(await stop(name)), nothing)
    const [one, two] = await Promise.all([invoke(url, {}, name), invoke(url, {}, name)])
    assert.notEqual(one.me, before.me)
    assert.equal(one.me, two.me)
    assert.deepEqual([one.count, two.count].sort(), [1, 2])
    assert.equal((await stop(name)).status, 200)
  })

  test('belongs to who named it: another caller has another worker, and stops nothing', async () => {
    const name = randomUUID()
    const mine = { authorization: signature('AKIAMINE') }
    const yours = { authorization: signature('AKIAYOURS') }
    const meOf = async (headers: Record<string, string>) =>
      (await (await invokeRaw(url, {}, name, { headers })).json<Told>()).me
    const me = await meOf(mine)
    assert.equal((await stop(name, yours)).status, 404)
    assert.notEqual(await meOf(yours), me)
    assert.equal((await stop(name, yours)).status, 200)
    assert.equal(await meOf(mine), me)
  })

  test('that dies is answered for, and begins anew', async () => {
    const name = randomUUID()
    const { me } = await invoke(url, {}, name)
    const died = await invokeRaw(url, { exit: true }, name)
    const [status, type] = await awsError(died)
    assert.deepEqual([status, type], [424, 'RuntimeClientError'])
    assert.equal(died.headers[runtimeSession], name)
    await gateway.saw('session.closed', ({ reason }) => reason === 'worker-exited')
    assert.notEqual((await invoke(url, {}, name)).me, me)
  })

  test('that fails is seen at /servers, and hidden at /runtimes', async () => {
    const name = randomUUID()
    const [status, type, message] = await awsError(await invokeRaw(url, { status: 503 }, name))
    assert.deepEqual([status, type], [424, 'RuntimeClientError'])
    assert.match(message, /^Received error \(503\) from runtime\./)
    const seen = await invokeRaw(at('echo-1'), { status: 503 }, name)
    assert.equal(seen.status, 503)
    assert.equal((await seen.json<Told>()).body, '{"status":503}')
  })

  test('is at no path of MCP, nor is an MCP server at its path', async () => {
    for (const path of ['/servers/echo-1/mcp', '/mcp']) {
      const answer = await postRpc(`${gateway.url}${path}`, initializeMessage())
      const { error } = await answer.json()
      assert.equal(answer.status, 404)
      assert.match(
        error?.message ?? '',
        /speaks no MCP \(protocol: http\); it is at \/.*invocations/,
      )
    }
    const [status, type, message] = await awsError(await invokeRaw(at('tools'), {}))
    assert.deepEqual([status, type], [404, 'ResourceNotFoundException'])
    assert.match(message, /speaks MCP \(protocol: mcp\); it is at \/servers\/tools\/mcp/)
    assert.ok((await invoke(`${gateway.url}/invocations`, {})).me !== '')
    for (const method of ['GET', 'DELETE']) {
      const [code, kind] = await awsError(await rawRequest(at('echo-1'), { method }))
      assert.deepEqual([code, kind], [404, 'UnknownOperationException'])
    }
  })

  test('whose client goes while it starts ends, and who waits for it begins anew', async () => {
    const name = randomUUID()
    const [leave, leaveToo] = [new AbortController(), new AbortController()]
    const first = invokeRaw(at('slow'), {}, name, { signal: leave.signal })
    const ofSlow = ({ server }: { server: string }): boolean => server === 'slow'
    const { session } = await gateway.saw('session.opened', ofSlow)
    const second = invokeRaw(at('slow'), {}, name, { signal: leaveToo.signal })
    leave.abort()
    await assert.rejects(first, { name: 'AbortError' })
    const next = await gateway.saw(
      'session.opened',
      (news) => ofSlow(news) && news.session !== session,
    )
    leaveToo.abort()
    await assert.rejects(second, { name: 'AbortError' })
    for (const opened of [session, next.session]) {
      const closed = await gateway.saw('session.closed', (news) => news.session === opened)
      assert.equal(closed.reason, 'abandoned')
    }
  })

  test('gets what its caller has to give, once, or is not started', async () => {
    const name = randomUUID()
    const [status, type] = await awsError(await invokeRaw(at('keyed'), {}, name))
    assert.deepEqual([status, type], [403, 'AccessDeniedException'])
    const mine = { headers: { 'x-key': 'hush' } }
    const opened = await (await invokeRaw(at('keyed'), {}, name, mine)).json<Told>()
    assert.deepEqual([opened.key, opened.headers['x-key']], ['hush', undefined])
    const again = await invoke(at('keyed'), {}, name)
    assert.deepEqual([again.me, again.key], [opened.me, 'hush'])
  })

  test('may be one that runs elsewhere, which is told no names', async (t) => {
    const asked: (string | string[] | undefined)[] = []
    const elsewhere = createServer((request, response) => {
      asked.push(request.url, request.headers[runtimeSession])
      request.resume().on('end', () => response.end('{"me":"elsewhere"}'))
    }).listen(0, '127.0.0.1')
    atEnd(t, () => void elsewhere.close())
    await once(elsewhere, 'listening')
    const { port } = elsewhere.address() as AddressInfo
    const far = await startTestGateway(t, {
      far: { url: `http://127.0.0.1:${port}/api/invocations`, protocol: 'http' },
    })
    const name = randomUUID()
    const answer = await invokeRaw(`${far.url}/servers/far/invocations`, {}, name)
    assert.deepEqual(
      [answer.headers[runtimeSession], await answer.text()],
      [name, '{"me":"elsewhere"}'],
    )
    assert.deepEqual(asked, ['/api/invocations', undefined])
  })

  test('takes names of 33 to 256 characters', async () => {
    for (const name of ['x'.repeat(32), 'x'.repeat(257)]) {
      for (const place of [url, at('echo-1')]) {
        const [status, type, message] = await awsError(await invokeRaw(place, {}, name))
        assert.deepEqual([status, type], [400, 'ValidationException'])
        assert.match(message, /'runtimeSessionId' failed to satisfy constraint/)
      }
    }
  })

  for (const [server, message, code] of [
    ['ill', /^Runtime health check failed or timed out/, 'ERR_WORKERS_UNHEALTHY'],
    ['pingless', /^Runtime health check failed or timed out/, 'ERR_WORKERS_UNHEALTHY'],
    ['mute', /ERR_WORKERS_EXITED_EARLY/, 'ERR_WORKERS_EXITED_EARLY'],
  ] as const) {
    test(`is invoked when it is healthy: ${server}`, async () => {
      const name = randomUUID()
      const answers = await Promise.all(
        [1, 2].map(async () => awsError(await invokeRaw(at(server), {}, name))),
      )
      for (const [status, type] of answers) {
        assert.deepEqual([status, type], [424, 'RuntimeClientError'])
      }
      assert.ok(
        answers.some(([, , text]) => message.test(text)),
        answers.join('\n'),
      )
      const closed = await gateway.saw('session.closed', (news) => news.server === server)
      assert.deepEqual([closed.reason, closed.code], ['start-failed', code])
      // The one that waited did not try again by itself.
      assert.equal(
        gateway.seen('session.opened').filter((news) => news.server === server).length,
        1,
      )
    })
  }
})

test(
  'an agent that insists on 0.0.0.0:8080 serves three sessions at once in a sandbox',
  { skip: skipWithoutSandbox },
  async () => {
    const names = [1, 2, 3].map(() => randomUUID())
    const answers = await Promise.all(names.map((name) => invokeRaw(at('walled'), {}, name)))
    const told = await Promise.all(answers.map((answer) => answer.json<Told>()))
    assert.deepEqual(
      told.map(({ count, headers }) => [count, headers[runtimeSession], headers.host]),
      names.map((name) => [1, name, 'localhost:8080']),
    )
    const open = await invokeRaw(at('walled'), { stream: 'events' }, names[0])
    await invoke(at('walled'), { release: true }, names[0])
    // The keeper adds no ids and no events of its own.
    const whole = 'id: 1\ndata: {"first":true}\n\ndata: {"last":true}\n\n'
    assert.equal(await open.text(), whole)
  },
)

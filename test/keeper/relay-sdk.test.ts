import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { initializeMessage } from '../support/raw-session.ts'
import { carries, getStream, postRpc } from '../support/raw-http.ts'
import type { RawResponse, RpcRequest } from '../support/raw-http.ts'
import type { SseEvent } from '../support/sse.ts'
import type { Owner } from '../support/temp.ts'
import { startRig } from '../workers/rig.ts'

interface Spoken {
  post(message: object): Promise<RawResponse>
  get(lastEventId?: string): Promise<RawResponse>
  /** Calls a tool that tells its progress. */
  call(id: number, name: string, args: object): Promise<RawResponse>
  answer(question: SseEvent | undefined, text: string): Promise<void>
}

/** A server of the official SDK behind a keeper, spoken to over the keeper's socket. */
async function startSdk(t: Owner, args: readonly string[] = []): Promise<Spoken> {
  const { endpoint } = await startRig(t).start(['sdk-server.js', ...args], { relay: true })
  const { origin, path, socketPath = '', headers: own, host } = endpoint
  const url = new URL(path, origin)
  const version = { 'mcp-protocol-version': '2025-11-25' }
  const request: RpcRequest = { socketPath, headers: { ...own, host } }
  const opened = await postRpc(url, initializeMessage(), request)
  await opened.text()
  const sessionId = String(opened.headers['mcp-session-id'])
  const within: RpcRequest = { ...request, sessionId, headers: { ...own, host, ...version } }

  const spoken: Spoken = {
    post: (message) => postRpc(url, { jsonrpc: '2.0', ...message }, within),
    get: (lastEventId) =>
      getStream(url, { ...within, ...(lastEventId === undefined ? {} : { lastEventId }) }),
    call(id, name, given) {
      const params = { name, arguments: given, _meta: { progressToken: id } }
      return spoken.post({ id, method: 'tools/call', params })
    },
    async answer(question, text) {
      const { id } = JSON.parse(question?.data ?? '') as { id: number }
      const result = { action: 'accept', content: { answer: text } }
      const { status } = await spoken.post({ id, result })
      assert.equal(status, 202)
    },
  }
  await spoken.post({ method: 'notifications/initialized' })
  return spoken
}

const isQuestion = carries(({ method }) => method === 'elicitation/create')
const isAnswer = carries(({ method }) => method === undefined)
const methodsOf = (events: SseEvent[]): (string | undefined)[] =>
  events
    .filter(({ data }) => data !== '')
    .map(({ data }) => (JSON.parse(data) as { method?: string }).method)

suite('the official SDK behind a keeper', { concurrency: 3 }, () => {
  for (const [name, args, ids] of [
    ['without ids', [], /^berth-post\d+-\d+$/],
    ['with ids of its own', ['resumable'], /^event-\d+$/],
  ] as const) {
    test(`a call is cut during a question, resumed and answered once: a server ${name}`, async (t) => {
      const server = await startSdk(t, args)
      const call = await server.call(1, 'ask', { questions: ['Who?', 'Why?'] })
      const seen = await call.until(isQuestion)
      assert.equal(methodsOf(seen)[0], 'notifications/progress')
      for (const { id } of seen) assert.match(id ?? '', ids)
      call.abort()
      await server.answer(seen.at(-1), 'me')
      const resumed = await server.get(seen.at(-1)?.id)
      assert.equal(resumed.status, 200)
      const more = await resumed.until(isQuestion)
      assert.deepEqual(methodsOf(more), ['notifications/progress', 'elicitation/create'])
      resumed.abort()
      const again = await server.get(more.at(-1)?.id)
      await server.answer(more.at(-1), 'because')
      const last = await again.until(isAnswer)
      assert.match(last.at(-1)?.data ?? '', /me.*because/)
      assert.equal(last.filter(isAnswer).length, 1)
    })
  }

  test('what an SDK server says between two readers of its standalone stream is not lost', async (t) => {
    const server = await startSdk(t)
    const first = await server.get()
    first.abort()
    await (await server.call(2, 'log', { line: 'between' })).text()
    const second = await server.get()
    assert.equal(second.status, 200)
    const isMessage = carries(({ method }) => method === 'notifications/message')
    // Before it there may be the empty event that gives the stream an id.
    const events = (await second.until(isMessage)).filter(isMessage)
    assert.equal(events.length, 1)
    assert.match(events[0]?.data ?? '', /between/)
    second.abort()
  })
})

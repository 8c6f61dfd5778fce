import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ProgressNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { ElicitResult, Result } from '@modelcontextprotocol/sdk/types.js'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { longEnoughMs } from '../support/patience.ts'
import type { Owner } from '../support/temp.ts'

/** A client that can do all that a server may ask for, tasks of its own included. */
export interface EverythingClient {
  client: Client
  /** Calls a tool and gives its result, or the text of the error. */
  call(name: string, args?: Record<string, unknown>): Promise<unknown>
  /** What came as progress of a call with this token. */
  progress(token: string): unknown[]
  /** Every other notification so far, as JSON. */
  heard: string[]
  /** Waits until a notification came that fits. */
  hear(fits: RegExp): Promise<void>
  /** The questions so far, by the id of the request. */
  asked: Map<string | number, string>
}

const about = { name: 'everything-client', version: '0' }
const answers: ElicitResult[] = [
  { action: 'accept', content: { name: 'Ana', check: true, integer: 7, email: 'ana@example.com' } },
  { action: 'decline' },
  { action: 'cancel' },
]

export async function connectEverything(t: Owner, transport: Transport): Promise<EverythingClient> {
  const store = new InMemoryTaskStore()
  const client = new Client(about, {
    capabilities: {
      elicitation: { form: {}, url: {} },
      sampling: {},
      roots: { listChanged: true },
      tasks: {
        list: {},
        cancel: {},
        requests: { elicitation: { create: {} }, sampling: { createMessage: {} } },
      },
    },
    taskStore: store,
  })
  const heard: string[] = []
  // Over HTTP the server repeats old requests when a stream is resumed, whichever stream it was.
  const asked = new Map<string | number, string>()
  const steps = new Map<string | number, unknown[]>()
  const forms: (string | number)[] = []

  const answerTo = (message: string, id: string | number): ElicitResult => {
    if (message.includes('interpretations')) {
      return { action: 'accept', content: { interpretation: 'historical' } }
    }
    if (message.includes('async')) return { action: 'accept', content: { name: 'Ben' } }
    if (!forms.includes(id)) forms.push(id)
    return answers[forms.indexOf(id) % answers.length]!
  }
  const asTask = async (ttl: number | null | undefined, extra: Extra, result: Result) => {
    const task = await extra.taskStore!.createTask({ ttl: ttl ?? null })
    setImmediate(() => {
      void extra.taskStore!.storeTaskResult(task.taskId, 'completed', result)
    })
    return { task }
  }
  client.setRequestHandler(ElicitRequestSchema, ({ params }, extra) => {
    asked.set(extra.requestId, `${params.mode ?? 'form'}: ${params.message}`)
    if (params.mode === 'url') return { action: 'accept' as const }
    const answer = answerTo(params.message, extra.requestId)
    return params.task === undefined ? answer : asTask(params.task.ttl, extra, answer)
  })
  client.setRequestHandler(CreateMessageRequestSchema, ({ params }, extra) => {
    asked.set(extra.requestId, `sample: ${JSON.stringify(params.messages)}`)
    const answer = {
      role: 'assistant' as const,
      model: 'test',
      content: { type: 'text' as const, text: 'Forty-two.' },
    }
    return params.task === undefined ? answer : asTask(params.task.ttl, extra, answer)
  })
  client.setRequestHandler(ListRootsRequestSchema, () => ({
    roots: [{ uri: 'file:///home/ana/trips', name: 'trips' }],
  }))
  client.setNotificationHandler(ProgressNotificationSchema, ({ params }) => {
    const { progressToken, ...progress } = params
    steps.set(progressToken, [...(steps.get(progressToken) ?? []), progress])
  })
  client.fallbackNotificationHandler = (notification) => {
    heard.push(JSON.stringify(notification))
    return Promise.resolve()
  }
  atEnd(t, () => {
    store.cleanup()
    return client.close()
  })
  await client.connect(transport)

  return {
    client,
    heard,
    asked,
    progress: (token) => steps.get(token) ?? [],
    async call(name, args = {}) {
      try {
        const params = { name, arguments: args, _meta: { progressToken: name } }
        return await client.callTool(params, undefined, { timeout: longEnoughMs })
      } catch (error) {
        return String(error)
      }
    },
    hear: (fits) =>
      eventually(() => {
        if (!heard.some((text) => fits.test(text))) {
          throw new Error(`${String(fits)} was not heard, but ${heard.join('\n')}`)
        }
      }),
  }
}

type Handler = Parameters<typeof Client.prototype.setRequestHandler<typeof ElicitRequestSchema>>[1]
type Extra = Parameters<Handler>[1]

import type { RpcMessage } from '../../ground/jsonrpc.ts'
import { messageOf } from '../../ground/errors.ts'
import type { BreakOut } from './break-outs.ts'
import type { ChannelTool, Talk } from './channels.ts'
import { channelTools } from './channels.ts'

const instructions =
  'Tries to get out of the isolation that it runs in, and says what came of it. Nothing is ' +
  'damaged and nothing is left behind. Call attempts, then attempt with one of the names.'

type Tell = (message: object) => void

/** The tools of the isolation probe for one client, whatever it is reached by. */
export interface Probe {
  /**
   * @param tell what goes to the client before the answer
   * @returns the answer; never rejects
   */
  handle(request: RpcMessage, tell: Tell): Promise<object>
  /** An answer of the client to what it was asked. */
  settle(response: RpcMessage): void
}

/** @param announce what goes to the client outside of any answer */
export function createProbe(announce: Tell): Probe {
  const waiting = new Map<string, (answer: RpcMessage) => void>()
  let asked = 0

  const ask = (tell: Tell, method: string, params: object): Promise<Record<string, unknown>> => {
    const id = `q${(asked += 1)}`
    tell({ jsonrpc: '2.0', id, method, params })
    return new Promise((resolve, reject) => {
      waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result as Record<string, unknown>)
        else reject(new Error(error.message))
      })
    })
  }

  const talkOf = (tell: Tell, progressToken: unknown): Talk => ({
    async ask(message) {
      const requestedSchema = {
        type: 'object',
        properties: { answer: { type: 'string' } },
        required: ['answer'],
      }
      const params = { mode: 'form', message, requestedSchema }
      const answered = await ask(tell, 'elicitation/create', params)
      const { answer = '' } = (answered.content ?? {}) as { answer?: string }
      return answer
    },
    async sample(text) {
      const messages = [{ role: 'user', content: { type: 'text', text } }]
      const answered = await ask(tell, 'sampling/createMessage', { messages, maxTokens: 100 })
      return (answered.content as { text?: string }).text ?? ''
    },
    progress(progress, total, message) {
      const params = { progressToken, progress, total, message }
      if (progressToken !== undefined) tell(notification('notifications/progress', params))
      return Promise.resolve()
    },
    log(data) {
      announce(notification('notifications/message', { level: 'info', logger: 'load', data }))
      return Promise.resolve()
    },
  })

  const call = async (params: Record<string, unknown>, tell: Tell): Promise<object> => {
    const { name, arguments: args = {}, _meta: meta } = params
    const tool = channelTools[String(name)]
    const given = args as Record<string, string | number>
    if (tool !== undefined) {
      const token = (meta as { progressToken?: unknown } | undefined)?.progressToken
      return { content: [{ type: 'text', text: await tool.run(given, talkOf(tell, token)) }] }
    }
    try {
      const found = await breakOut(String(name), given)
      if (found === undefined) throw new Error(`There is no such tool: ${String(name)}`)
      return { content: [{ type: 'text', text: JSON.stringify(found) }], structuredContent: found }
    } catch (error) {
      return { content: [{ type: 'text', text: messageOf(error) }], isError: true }
    }
  }

  const answer = async ({ method, params = {} }: RpcMessage, tell: Tell): Promise<object> => {
    switch (method ?? '') {
      case 'initialize':
        return {
          protocolVersion: params.protocolVersion ?? '2025-11-25',
          capabilities: { tools: {}, logging: {} },
          serverInfo: { name: 'isolation-probe', title: 'Isolation probe', version: '1.0.0' },
          instructions,
        }
      case 'tools/list':
        return { tools }
      case 'tools/call':
        return call(params, tell)
      case 'ping':
      case 'logging/setLevel':
        return {}
      default:
        throw new Error(`There is no method ${method ?? ''}.`)
    }
  }

  return {
    async handle(request, tell) {
      const { id } = request
      try {
        return { jsonrpc: '2.0', id, result: await answer(request, tell) }
      } catch (error) {
        return { jsonrpc: '2.0', id, error: { code: -32603, message: messageOf(error) } }
      }
    },
    settle(response) {
      const id = String(response.id)
      waiting.get(id)?.(response)
      waiting.delete(id)
    },
  }
}

const notification = (method: string, params: object): object => ({
  jsonrpc: '2.0',
  method,
  params,
})

const schemaOf = ({ fields }: ChannelTool): object => ({
  type: 'object',
  properties: Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, { type }])),
  required: Object.keys(fields),
})

const tools = [
  ...Object.entries(channelTools).map(([name, tool]) => {
    const { title, description } = tool
    return { name, title, description, inputSchema: schemaOf(tool) }
  }),
  {
    name: 'plant',
    title: 'Plant a canary',
    description:
      'Puts a secret into the memory, the environment, the files and the sockets of this session ' +
      'and says where, so that another session can be sent after it.',
    inputSchema: { type: 'object' },
  },
  {
    name: 'attempts',
    title: 'List the ways out',
    description: 'The names that attempt takes, and what each of them goes after.',
    inputSchema: { type: 'object' },
    annotations: { readOnlyHint: true },
  },
  {
    name: 'attempt',
    title: 'Try one way out',
    description: 'Says whether it was stopped, and by what, or what it got.',
    inputSchema: {
      type: 'object',
      properties: {
        name: { type: 'string', description: 'One of those that attempts lists' },
        target: { description: 'A text, a number, or a list of them' },
      },
      required: ['name'],
    },
    annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: true },
  },
]

/** The ways out are loaded only by those few copies that are asked for them. */
async function breakOut(name: string, args: Record<string, unknown>): Promise<object | undefined> {
  const [{ breakOutNames, breakOuts, tryBreakOut }, { plantCanary }] = await Promise.all([
    import('./break-outs.ts'),
    import('./canary.ts'),
  ])
  if (name === 'plant') return { ...(await plantCanary()) }
  if (name === 'attempts') {
    return {
      attempts: breakOutNames.map((each) => {
        const { about, target }: BreakOut = breakOuts[each]
        return { name: each, about, target }
      }),
    }
  }
  if (name !== 'attempt') return undefined
  const wanted = breakOutNames.find((each) => each === args.name)
  if (wanted === undefined) throw new Error(`There is no such attempt: ${String(args.name)}`)
  const tried = await tryBreakOut(wanted, args.target as Parameters<typeof tryBreakOut>[1])
  return { name: wanted, ...tried }
}

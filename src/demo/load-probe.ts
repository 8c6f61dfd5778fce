import { createInterface } from 'node:readline'

import { messageOf } from '../errors.ts'
import type { RpcMessage } from '../jsonrpc.ts'
import { kindOf } from '../jsonrpc.ts'
import type { ChannelTool, Talk } from './channels.ts'
import { channelTools } from './channels.ts'

/**
 * The isolation probe as the load test starts it hundreds of times: the same tools over stdio,
 * without an SDK, so that a copy of it takes a third of the time and memory to start.
 */
const waiting = new Map<string, (answer: RpcMessage) => void>()
let asked = 0

const say = (message: object): void =>
  void process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)

const ask = (method: string, params: object): Promise<Record<string, unknown>> => {
  const id = `q${(asked += 1)}`
  say({ id, method, params })
  return new Promise((resolve, reject) => {
    waiting.set(id, ({ result, error }) => {
      if (error === undefined) resolve(result as Record<string, unknown>)
      else reject(new Error(error.message))
    })
  })
}

function talkOf(progressToken: unknown): Talk {
  return {
    async ask(message) {
      const requestedSchema = {
        type: 'object',
        properties: { answer: { type: 'string' } },
        required: ['answer'],
      }
      const answered = await ask('elicitation/create', { mode: 'form', message, requestedSchema })
      const { answer = '' } = (answered.content ?? {}) as { answer?: string }
      return answer
    },
    async sample(text) {
      const messages = [{ role: 'user', content: { type: 'text', text } }]
      const answered = await ask('sampling/createMessage', { messages, maxTokens: 100 })
      return (answered.content as { text?: string }).text ?? ''
    },
    progress(progress, total, message) {
      const params = { progressToken, progress, total, message }
      if (progressToken !== undefined) say({ method: 'notifications/progress', params })
      return Promise.resolve()
    },
    log(data) {
      say({ method: 'notifications/message', params: { level: 'info', logger: 'load', data } })
      return Promise.resolve()
    },
  }
}

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
  { name: 'plant', description: 'Plant a canary', inputSchema: { type: 'object' } },
  { name: 'attempts', description: 'List the ways out', inputSchema: { type: 'object' } },
  {
    name: 'attempt',
    description: 'Try one way out',
    inputSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
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
    return { attempts: breakOutNames.map((each) => ({ name: each, about: breakOuts[each].about })) }
  }
  const wanted = breakOutNames.find((each) => each === args.name)
  if (name !== 'attempt' || wanted === undefined) return undefined
  return { ...(await tryBreakOut(wanted, args.target as Parameters<typeof tryBreakOut>[1])) }
}

async function call(params: Record<string, unknown>): Promise<object> {
  const { name, arguments: args = {}, _meta: meta } = params
  const tool = channelTools[String(name)]
  const given = args as Record<string, string | number>
  if (tool !== undefined) {
    const token = (meta as { progressToken?: unknown } | undefined)?.progressToken
    return { content: [{ type: 'text', text: await tool.run(given, talkOf(token)) }] }
  }
  const found = await breakOut(String(name), given)
  if (found === undefined) throw new Error(`There is no such tool: ${String(name)}`)
  return { content: [{ type: 'text', text: JSON.stringify(found) }], structuredContent: found }
}

async function answer({ method, params = {} }: RpcMessage): Promise<object> {
  switch (method ?? '') {
    case 'initialize':
      return {
        protocolVersion: params.protocolVersion ?? '2025-11-25',
        capabilities: { tools: {}, logging: {} },
        serverInfo: { name: 'load-probe', version: '1.0.0' },
      }
    case 'tools/list':
      return { tools }
    case 'tools/call':
      return call(params)
    case 'ping':
    case 'logging/setLevel':
      return {}
    default:
      throw new Error(`There is no method ${method ?? ''}.`)
  }
}

function take(line: string): void {
  const message = JSON.parse(line) as RpcMessage
  const kind = kindOf(message)
  if (kind === 'response') {
    const id = String(message.id)
    waiting.get(id)?.(message)
    waiting.delete(id)
  }
  if (kind !== 'request') return
  answer(message).then(
    (result) => say({ id: message.id, result }),
    (error: unknown) => say({ id: message.id, error: { code: -32603, message: messageOf(error) } }),
  )
}

const stop = (): void => process.exit(0)
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
createInterface({ input: process.stdin }).on('line', take).once('close', stop)

import type { RpcMessage } from '../../ground/jsonrpc.ts'

/** What a session has of its own behind a gateway, if the gateway is any good. */
export interface ToyWorker {
  memory: string[]
  environment: Record<string, string>
  workspace: string[]
  temporary: string[]
}

/** What a tool may say to the client while it runs. */
export interface Talk {
  /** On the response of the call. */
  tell(message: object): void
  /** On the same, and waits for the answer. */
  ask(method: string, params: object): Promise<unknown>
  /** On the stream of the session. */
  announce(message: object): void
}

export const createToyWorker = (environment: Record<string, string> = {}): ToyWorker => ({
  memory: [],
  environment: { ...environment },
  workspace: [],
  temporary: [],
})

interface Args {
  text?: string
  steps?: number
}

/** As `tools/list` has them, in short. */
export const toolList = ['echo', 'keep', 'recall', 'ask', 'sample', 'report', 'announce'].map(
  (name) => ({ name, inputSchema: { type: 'object' } }),
)

/** Tools that only talk need a stream for it. */
export const talks = new Set(['ask', 'sample', 'report'])

/** The tools of the probe server, as small as they can be. @returns the text of the answer */
export async function runTool(
  worker: ToyWorker,
  call: RpcMessage,
  talk: Talk,
): Promise<string | undefined> {
  const {
    name,
    arguments: args = {},
    _meta: meta = {},
  } = (call.params ?? {}) as {
    name?: string
    arguments?: Args
    _meta?: { progressToken?: string }
  }
  const { text = '', steps = 1 } = args
  switch (name ?? '') {
    case 'echo':
      return text
    case 'keep':
      worker.memory.push(text)
      worker.environment['CANARY'] = text
      worker.workspace.push(text)
      worker.temporary.push(text)
      return 'kept'
    case 'recall':
      return JSON.stringify(worker)
    case 'ask': {
      const properties = { answer: { type: 'string' } }
      const asked = await talk.ask('elicitation/create', {
        message: text,
        requestedSchema: { type: 'object', properties },
      })
      return `${text} ${(asked as { content: { answer: string } }).content.answer}`
    }
    case 'sample': {
      const asked = await talk.ask('sampling/createMessage', {
        messages: [{ role: 'user', content: { type: 'text', text } }],
        maxTokens: 10,
      })
      return `${text} ${(asked as { content: { text: string } }).content.text}`
    }
    case 'report':
      for (let at = 1; at <= steps; at += 1) {
        const params = { progressToken: meta.progressToken, progress: at, message: text }
        talk.tell({ jsonrpc: '2.0', method: 'notifications/progress', params })
      }
      return text
    case 'announce': {
      const params = { level: 'info', data: text }
      talk.announce({ jsonrpc: '2.0', method: 'notifications/message', params })
      return 'announced'
    }
    default:
      return undefined
  }
}

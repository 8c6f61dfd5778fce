import { setTimeout as sleep } from 'node:timers/promises'

import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import { McpError } from '@modelcontextprotocol/sdk/types.js'
import type {
  ElicitRequestFormParams,
  ServerNotification,
  ServerRequest,
} from '@modelcontextprotocol/sdk/types.js'

import { messageOf } from '../ground/errors.ts'

/** What a tool is handed beside its arguments. */
export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>
export type FormSchema = ElicitRequestFormParams['requestedSchema']
export type FormContent = Record<string, string | number | boolean | string[]>

/** What became of a question. `unable`: it could not be asked, for the reason in `why`. */
export type Asked =
  | { action: 'accept'; content: FormContent }
  | { action: 'decline' | 'cancel' }
  | { action: 'unable'; why: string }

/** What became of a request for a text. `unable`: there is none, for the reason in `why`. */
export type Sampled = { action: 'written'; text: string } | { action: 'unable'; why: string }

/** What a tool says to its client while a call of it is running. */
export interface Conversation {
  ask(message: string, requestedSchema: FormSchema): Promise<Asked>
  sample(systemPrompt: string, prompt: string): Promise<Sampled>
  /** Reports `messages` one after the other as progress, with a short pause at each. */
  work(messages: string[]): Promise<void>
}

// People think before they answer; the session's own lifetime is the limit that counts.
const answerTimeoutMs = 8 * 60 * 60 * 1000

/**
 * Everything is sent as related to the running call, so that over HTTP it travels on the stream
 * of that call's POST.
 */
export function converse(server: McpServer, extra: Extra): Conversation {
  const client = (): ReturnType<typeof server.server.getClientCapabilities> =>
    server.server.getClientCapabilities()

  // The SDK keeps listening to the signal of a request after its answer; a call that is cancelled
  // later would then cancel what has long been answered. So each question has a signal of its own.
  async function whilePending<T>(send: (options: SendOptions) => Promise<T>): Promise<T> {
    extra.signal.throwIfAborted()
    const pending = new AbortController()
    const giveUp = (): void => pending.abort('the call was cancelled')
    extra.signal.addEventListener('abort', giveUp)
    try {
      return await send({
        signal: pending.signal,
        timeout: answerTimeoutMs,
        relatedRequestId: extra.requestId,
      })
    } finally {
      extra.signal.removeEventListener('abort', giveUp)
    }
  }

  return {
    async ask(message, requestedSchema) {
      if (!client()?.elicitation?.form) {
        return { action: 'unable', why: 'your client cannot be asked questions (elicitation)' }
      }
      try {
        const { action, content } = await whilePending((options) =>
          server.server.elicitInput({ mode: 'form', message, requestedSchema }, options),
        )
        if (action !== 'accept') return { action }
        const missing = requestedSchema.required?.find((key) => content?.[key] === undefined)
        if (missing !== undefined) return { action: 'unable', why: `the answer has no ${missing}` }
        return { action, content: content ?? {} }
      } catch (error) {
        return { action: 'unable', why: `your client said: ${reasonOf(error)}` }
      }
    },

    async sample(systemPrompt, prompt) {
      if (!client()?.sampling) {
        return { action: 'unable', why: 'your client offers no language model (sampling)' }
      }
      try {
        const { content } = await whilePending((options) =>
          server.server.createMessage(
            {
              systemPrompt,
              messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
              maxTokens: 300,
            },
            options,
          ),
        )
        if (content.type === 'text' && content.text.trim() !== '') {
          return { action: 'written', text: content.text.trim() }
        }
        return { action: 'unable', why: 'your client answered without a text' }
      } catch (error) {
        return { action: 'unable', why: `your client said: ${reasonOf(error)}` }
      }
    },

    async work(messages) {
      const progressToken = extra._meta?.progressToken
      for (const [index, message] of messages.entries()) {
        if (progressToken !== undefined) {
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress: index + 1, total: messages.length, message },
          })
        }
        await sleep(stepMs(), undefined, { signal: extra.signal })
      }
    },
  }
}

/** The SDK of either side may have put the code before what was really said. */
function reasonOf(error: unknown): string {
  const message = messageOf(error)
  return error instanceof McpError ? message.replaceAll(`MCP error ${error.code}: `, '') : message
}

interface SendOptions {
  signal: AbortSignal
  timeout: number
  relatedRequestId: Extra['requestId']
}

function stepMs(): number {
  const given = Number(process.env['DEMO_STEP_MS'] ?? 150)
  return given >= 0 && given <= 60_000 ? given : 150
}

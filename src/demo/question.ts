import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'

import type { Conversation, FormContent, FormSchema } from './conversation.ts'

/** One question of a conversation, and what happens when it is not answered. */
export interface Question<T> {
  /** Completes "the question about …". */
  about: string
  message: string
  schema: FormSchema
  read(content: FormContent): T
  declined: { assume: T; saying: string } | { stop: string }
}

/** The conversation is over before its end, for a reason that `message` gives in full. */
export class Stopped extends Error {
  readonly isFailure: boolean

  constructor(message: string, isFailure: boolean) {
    super(message)
    this.name = 'Stopped'
    this.isFailure = isFailure
  }
}

/**
 * Asks, and goes on with what the user answered or, if they would rather not say, with what the
 * question assumes then; `assumed` gathers the sentences that tell them so.
 *
 * @throws Stopped when the user cancelled, when it cannot go on without an answer, and when the
 *   client could not be asked.
 */
export async function answerTo<T>(
  talk: Conversation,
  question: Question<T>,
  assumed: string[],
): Promise<T> {
  const { about, declined } = question
  const asked = await talk.ask(question.message, question.schema)
  switch (asked.action) {
    case 'accept':
      return question.read(asked.content)
    case 'decline':
      if ('stop' in declined) throw new Stopped(declined.stop, false)
      assumed.push(declined.saying)
      return declined.assume
    case 'cancel':
      throw new Stopped(`You cancelled at the question about ${about}. Nothing was done.`, false)
    case 'unable':
      throw new Stopped(`The question about ${about} could not be asked: ${asked.why}.`, true)
  }
}

/** Runs a conversation; one that stopped before its end becomes a result that says why. */
export async function untilStopped(
  conversation: () => Promise<CallToolResult>,
): Promise<CallToolResult> {
  try {
    return await conversation()
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    return {
      content: [{ type: 'text', text: error.message }],
      structuredContent: { outcome: 'stopped' },
      isError: error.isFailure,
    }
  }
}

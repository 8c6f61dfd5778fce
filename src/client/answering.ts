import type { Readable, Writable } from 'node:stream'

import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js'

import { isTerminal, plain, plainLine } from '../ground/terminal.ts'
import type { Elicitation, Handlers } from './connect.ts'
import type { Given } from './given.ts'
import { whyNotOffered } from './links.ts'
import { fillInForm, offerLink } from './prompts.ts'
import type { Filled, Screen } from './prompts.ts'
import { questionsOf } from './questions.ts'
import type { Question } from './question.ts'
import { sampleByHand, samplingRefused, sampleWith } from './sampling.ts'

export interface AnsweringOptions {
  stdin: Readable
  stderr: Writable
  given: Given
  /** A shell command that answers sampling. */
  sampleWith: string | undefined
  /** Called before anything is written to stderr. */
  beforeWriting(): void
  /** Says something that comes by itself. Default: on stderr. */
  tell?(text: string): void
  /** Runs a question at the terminal. Default: at once. */
  atKeyboard?<T>(turn: () => Promise<T>): Promise<T>
}

/** The handlers of a person at a terminal, or of a script that was given its answers before. */
export interface Answering {
  handlers: Handlers
  /** How many questions were cancelled, because the answer that was given did not fit. */
  misfits(): number
}

export function createAnswering(options: AnsweringOptions): Answering {
  const { stdin, stderr, given } = options
  const screen = screenOf(stdin, stderr)
  let misfits = 0
  const inTurn = createTurns()
  const oneAtATime: Turns = (turn) =>
    inTurn(() => (options.atKeyboard === undefined ? turn() : options.atKeyboard(turn)))
  const tellOnStderr = (text: string): void => {
    options.beforeWriting()
    stderr.write(`${text}\n`)
  }
  const tell = options.tell ?? tellOnStderr

  async function elicit(question: Elicitation, signal: AbortSignal): Promise<ElicitResult> {
    if (question.mode === 'url') return visit(question.message, question.url, signal)
    const questions = questionsOf(question.requestedSchema)
    const { content, open, problems, notes } = fromGiven(questions, given)
    if (screen) {
      for (const text of [...problems, ...notes]) tell(plainLine(text))
      return toResult(await fillIn(question.message, open, content, signal))
    }
    const message = plainLine(question.message)
    if (problems.length > 0) {
      misfits += 1
      tell(`${message} Cancelled: ${plainLine(problems.join(' '))}`)
      return { action: 'cancel' }
    }
    for (const { key, preset } of open) if (preset !== undefined) content[key] = preset
    const unanswered = open.filter(({ key, isRequired }) => isRequired && !(key in content))
    if (unanswered.length > 0) {
      const options = unanswered.map(({ key }) => `--answer ${plainLine(key)}=…`).join(' ')
      tell(`${message} Declined, because nobody is here to answer. Give ${options}`)
      return { action: 'decline' }
    }
    for (const note of notes) tell(note)
    tell(`${message} Answered: ${plainLine(JSON.stringify(content))}`)
    return toResult({ action: 'accept', content })
  }

  function fillIn(
    message: string,
    open: Question[],
    content: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<Filled> {
    const isAnswered = open.length === 0 && Object.keys(content).length > 0
    if (!screen || isAnswered) return Promise.resolve({ action: 'accept', content })
    options.beforeWriting()
    return oneAtATime(() => fillInForm(message, open, content, screen, signal))
  }

  async function visit(message: string, url: URL, signal: AbortSignal): Promise<ElicitResult> {
    if (screen) {
      options.beforeWriting()
      return { action: await oneAtATime(() => offerLink(message, url, screen, signal)) }
    }
    const refusal = whyNotOffered(url)
    const address = plainLine(url.href)
    const why =
      refusal === undefined
        ? `, because nobody is here to open ${address}`
        : `: ${address} ${refusal}`
    tell(`${plainLine(message)} Declined${why}`)
    return { action: 'decline' }
  }

  return {
    handlers: {
      elicit,
      async sample(request, signal) {
        if (options.sampleWith !== undefined) {
          options.beforeWriting()
          return sampleWith(options.sampleWith, request, stderr, signal)
        }
        if (screen) {
          options.beforeWriting()
          return oneAtATime(() => sampleByHand(request, screen, signal))
        }
        tell('The server asks a language model. Refused: there is none. Give --sample-with COMMAND')
        throw samplingRefused()
      },
      notified(method, params) {
        if (method === 'notifications/message') tell(logLine(params))
        if (method === 'notifications/elicitation/complete') tell('The page says that it is done.')
      },
    },
    misfits: () => misfits,
  }
}

/** Prompts need a terminal to read from and one to draw on; stdout is left to the result. */
function screenOf(stdin: Readable, stderr: Writable): Screen | undefined {
  return isTerminal(stdin) && isTerminal(stderr) ? { input: stdin, output: stderr } : undefined
}

function fromGiven(
  questions: Question[],
  given: Given,
): { content: Record<string, unknown>; open: Question[]; problems: string[]; notes: string[] } {
  const content: Record<string, unknown> = {}
  const open: Question[] = []
  const problems: string[] = []
  const notes: string[] = []
  for (const question of questions) {
    const answer = given.answerTo(question)
    if (answer !== undefined && 'value' in answer) content[question.key] = answer.value
    else open.push(question)
    if (answer !== undefined && 'note' in answer) notes.push(answer.note)
    if (answer !== undefined && 'problem' in answer) {
      problems.push(`The answer ${plainLine(question.key)} does not fit. ${answer.problem}`)
    }
  }
  return { content, open, problems, notes }
}

function toResult(filled: Filled): ElicitResult {
  if (filled.action !== 'accept') return { action: filled.action }
  return { action: 'accept', content: filled.content as ElicitResult['content'] }
}

function logLine({ level, logger, data }: Record<string, unknown>): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  const from = typeof logger === 'string' ? `${logger}: ` : ''
  return plain(`[${String(level)}] ${from}${text}`)
}

type Turns = <T>(turn: () => Promise<T>) => Promise<T>

/** Two questions may arrive at once; there is one keyboard. */
function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return (turn) => {
    const taken = last.then(turn)
    // The one who asked is told of a failure; the next one only waits for its turn.
    last = taken.catch(() => undefined)
    return taken
  }
}

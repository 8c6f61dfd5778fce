import { join } from 'node:path'

import { isTerminal } from '../../ground/terminal.ts'
import { createAnswering } from '../answering.ts'
import type { Answering } from '../answering.ts'
import { endingText } from '../endings.ts'
import { createGiven } from '../given.ts'
import type { Given } from '../given.ts'
import { createProgressBar } from '../progress-bar.ts'
import type { ProgressBar } from '../progress-bar.ts'
import type { AnswerOptions, Io, Target } from '../session.ts'
import { createCompletion } from './completion.ts'
import type { Console } from './console.ts'
import { fieldsOfTool, isSecret } from '../fields.ts'
import { promptText } from './greeting.ts'
import { createHistory } from './history.ts'
import { createLive } from './live.ts'
import type { Live } from './live.ts'
import { createNews } from './news.ts'
import { verbsByName } from './performing.ts'
import { createScript } from './script.ts'
import { createTerminal } from './terminal.ts'
import { levels } from './verbs.ts'
import { wordsOf } from './words.ts'

export interface ShellOptions extends AnswerOptions {
  /** Every result raw. */
  json: boolean
  /** The session stays open when the shell is left. */
  keep: boolean
  /** Where the history is kept. */
  folder: string
}

/** What a shell is made of, each knowing of the others what it has to. */
export interface Parts {
  desk: Console & { remember(line: string): void }
  bar: ProgressBar
  live: Live
  answering: Answering
  given: Layered
  /** Whether a command runs, which then says itself that the session has ended. */
  isBusy: boolean
  /** Whether the user has been told of the end of the session. */
  isEndTold: boolean
}

export function partsOf(target: Target, options: ShellOptions, io: Io): Parts {
  const { stdin, stderr } = io
  const bar = createProgressBar(stderr)
  const given = createLayered(options.given)
  const tell = (text: string): void => parts.desk.tell(text)
  const answering = createAnswering({
    stdin,
    stderr,
    given,
    sampleWith: options.sampleWith,
    beforeWriting: bar.hide,
    tell,
    atKeyboard: (turn) => parts.desk.atKeyboard(turn),
  })
  const takeNews = createNews({ catalogue: () => live.current()?.catalogue, tell })
  const live: Live = createLive({
    target,
    isKept: options.keep,
    handlers: {
      ...answering.handlers,
      notified(method, params) {
        if (!takeNews(method, params)) answering.handlers.notified(method, params)
      },
    },
    onEnded(ending) {
      if (parts.isBusy) return
      parts.isEndTold = true
      parts.desk.changePrompt(promptText(live, stderr))
      tell(io.asCalled(`${endingText(ending, target.url)} new opens another one.`))
    },
  })
  const hasPerson = isTerminal(stdin) && isTerminal(stderr)
  const desk = hasPerson ? terminalDesk(live, bar, options.folder, io) : scriptDesk(io)
  const parts: Parts = { desk, bar, live, answering, given, isBusy: true, isEndTold: false }
  return parts
}

function scriptDesk(io: Io): Parts['desk'] {
  return { ...createScript(io), remember: () => undefined }
}

function terminalDesk(live: Live, bar: ProgressBar, folder: string, io: Io): Parts['desk'] {
  const history = createHistory(
    join(folder, 'history'),
    (line) => namesSecret(line, live),
    (text) => io.stderr.write(`${text}\n`),
  )
  const terminal = createTerminal({
    input: io.stdin,
    output: io.stderr,
    history: history.lines,
    complete: createCompletion({ commands: verbsByName, levels, current: live.current }),
    beforeWriting: bar.hide,
    leavingText: () =>
      live.staysOpen()
        ? 'quit or Ctrl-D leaves; the session stays open.'
        : 'quit or Ctrl-D leaves, and ends the session.',
    signal: io.signal,
  })
  return { ...terminal, remember: history.add }
}

/** Whether an argument is in it that the server's schema calls a secret. */
function namesSecret(line: string, live: Live): boolean {
  const [, name] = wordsOf(line).words
  const tool = live
    .current()
    ?.catalogue.knownTools()
    .find((one) => one.name === name?.text)
  if (tool === undefined) return false
  return Object.entries(fieldsOfTool(tool).properties).some(
    ([key, schema]) => isSecret(schema) && (line.includes(`${key}=`) || line.includes(`"${key}"`)),
  )
}

export interface Layered extends Given {
  /** Answers for one command, which come before those for all. */
  use(pairs: [string, string][]): Given
}

function createLayered(base: Given): Layered {
  let own = createGiven()
  return {
    answerTo: (question) => own.answerTo(question) ?? base.answerTo(question),
    unused: base.unused,
    use: (pairs) => (own = createGiven(pairs)),
  }
}

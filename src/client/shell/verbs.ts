import type { Writable } from 'node:stream'

import type { LoggingLevel, Tool } from '@modelcontextprotocol/sdk/types.js'
import { LoggingLevelSchema } from '@modelcontextprotocol/sdk/types.js'

import { plainLine, writeJson } from '../../ground/terminal.ts'
import { checkArguments } from '../argument-check.ts'
import { printResult, runTool } from '../call.ts'
import type { Connection } from '../connect.ts'
import { Failure } from '../failures.ts'
import { findPrompt, findTool } from '../offers.ts'
import type { ProgressBar } from '../progress-bar.ts'
import {
  getPromptIn,
  readResourceIn,
  writePrompts,
  writeResources,
  writeTools,
} from '../showing.ts'
import { argumentsOf } from '../arguments.ts'
import type { Completes } from './completion.ts'
import { fieldsOfPrompt, fieldsOfTool } from '../fields.ts'
import type { Live, OpenSession } from './live.ts'
import { statusOf, statusLines } from './status.ts'
import type { Input } from './words.ts'

/** What a command is done with. */
export interface Doing {
  live: Live
  input: Input
  json: boolean
  stdout: Writable
  stderr: Writable
  bar: ProgressBar
  /** The user wants it to stop. */
  signal: AbortSignal
  /** Says something on stderr. */
  tell(text: string): void
  /** Opens a session, and says so. */
  open(): Promise<void>
  /** How to go on with the session that is kept. */
  goOnText(id: string | undefined): string
  /** Answers for the questions of this command alone. */
  answerWith(answers: [string, string][]): { unused(): string[]; hadMisfit(): boolean }
}

/** One command of the shell: what it does and its help together. */
export interface Verb {
  readonly name: string
  readonly usage: string
  readonly about: string
  /** Lines for `help COMMAND`. */
  readonly more?: readonly string[]
  readonly completes?: Completes
  /** How many words it takes at most; undefined: any number. */
  readonly mostWords?: number
  /**
   * @returns whether it did what was asked, or that the shell is to be left
   * @throws Failure
   */
  run(doing: Doing): Promise<boolean | 'leave'>
}

export const levels: readonly LoggingLevel[] = LoggingLevelSchema.options

const call: Verb = {
  name: 'call',
  usage: 'TOOL [key=value …|JSON]',
  about: 'call a tool',
  more: [
    'Values are read as the tool wants them; quotes hold one with spaces together:',
    '  call get-sum a=2 b=40',
    '  call echo message="hello there"',
    '  call get-sum {"a": 2, "b": 40}',
    '--answer key=value answers a question before it is asked, --json prints the raw result.',
  ],
  completes: 'call',
  async run(doing) {
    const { input, json, signal, bar, tell } = doing
    const session = doing.live.session()
    const name = input.words[0]
    if (name === undefined) throw new Failure('Which tool? tools lists them.')
    const connection = interruptible(session.connection, signal)
    const tool = await toolNamed(session, name)
    const args = argumentsOf(input.words.slice(1), fieldsOfTool(tool))
    const note = checkArguments(tool, args, 'prompt')
    if (note !== undefined) tell(note)
    session.calls += 1
    const answers = doing.answerWith(input.answers)
    try {
      const result = await runTool({ connection, bar }, tool, args)
      for (const key of answers.unused()) {
        tell(`The answer ${plainLine(key)} was never asked for.`)
      }
      printResult(result, json, doing)
      if (result.isError !== true) return !answers.hadMisfit()
    } catch (error) {
      session.failedCalls += 1
      throw error
    }
    session.failedCalls += 1
    return false
  },
}

const tools: Verb = {
  name: 'tools',
  usage: '[NAME]',
  about: 'list the tools, or show one',
  completes: 'tools',
  mostWords: 1,
  async run({ live, input, json, stdout, stderr }) {
    const { catalogue } = live.session()
    const all = await catalogue.tools(true)
    const [name] = input.words
    const found = name === undefined ? all : [findTool(all, name)]
    writeTools(found, { json }, { stdout, stderr })
    return true
  },
}

const resources: Verb = {
  name: 'resources',
  usage: '',
  about: 'list the resources',
  mostWords: 0,
  async run({ live, json, stdout, stderr }) {
    writeResources(await live.session().catalogue.resources(true), { json }, { stdout, stderr })
    return true
  },
}

const read: Verb = {
  name: 'read',
  usage: 'URI',
  about: 'read a resource',
  completes: 'resources',
  mostWords: 1,
  async run({ live, input, json, signal, stdout, stderr }) {
    const [uri] = input.words
    if (uri === undefined) throw new Failure('Which resource? resources lists them.')
    const connection = interruptible(live.session().connection, signal)
    await readResourceIn(connection, uri, { json }, { stdout, stderr })
    return true
  },
}

const prompts: Verb = {
  name: 'prompts',
  usage: '',
  about: 'list the prompts',
  mostWords: 0,
  async run({ live, json, stdout, stderr }) {
    writePrompts(await live.session().catalogue.prompts(true), { json }, { stdout, stderr })
    return true
  },
}

const prompt: Verb = {
  name: 'prompt',
  usage: 'NAME [key=value …|JSON]',
  about: 'get a prompt',
  completes: 'prompts',
  async run({ live, input, json, signal, stdout, stderr }) {
    const { catalogue, connection } = live.session()
    const [name, ...words] = input.words
    if (name === undefined) throw new Failure('Which prompt? prompts lists them.')
    const found = findPrompt(await catalogue.prompts(), name)
    const args = argumentsOf(words, fieldsOfPrompt(found))
    await getPromptIn(interruptible(connection, signal), found, args, { json }, { stdout, stderr })
    return true
  },
}

const log: Verb = {
  name: 'log',
  usage: '[LEVEL]',
  about: 'show or set which messages the server sends',
  completes: 'levels',
  mostWords: 1,
  async run({ live, input, signal, tell }) {
    const { connection } = live.session()
    const [word] = input.words
    if (word === undefined) {
      const said =
        live.level === undefined
          ? 'The server decides which of its messages come.'
          : `The server's messages come from level ${live.level} on.`
      tell(`${said} Levels: ${levels.join(', ')}.`)
      return true
    }
    const level = levels.find((one) => one === word.toLowerCase())
    if (level === undefined) {
      throw new Failure(plainLine(`There is no level ${word}. There are: ${levels.join(', ')}.`))
    }
    if (!connection.offers('logging')) {
      throw new Failure(`The server ${plainLine(connection.serverName)} sends no messages.`)
    }
    const { client, request } = interruptible(connection, signal)
    await request((options) => client.setLoggingLevel(level, options))
    live.level = level
    tell(`The server's messages come from level ${level} on.`)
    return true
  },
}

const status: Verb = {
  name: 'status',
  usage: '',
  about: 'show the session, and whether it answers',
  mostWords: 0,
  async run({ live, json, signal, stdout }) {
    const session = live.session()
    const { client, request } = interruptible(session.connection, signal)
    const atMs = performance.now()
    await request((options) => client.ping(options))
    const found = statusOf(session, live.level, performance.now() - atMs)
    if (json) writeJson(stdout, found)
    else stdout.write(`${statusLines(found).join('\n')}\n`)
    return true
  },
}

const renew: Verb = {
  name: 'new',
  usage: '',
  about: 'open a new session in place of this one',
  more: ['The session before it ends, unless it is kept or was opened elsewhere.'],
  mostWords: 0,
  async run({ open }) {
    await open()
    return true
  },
}

const keep: Verb = {
  name: 'keep',
  usage: '',
  about: 'leave the session open when you quit',
  more: ['It says the id, and the command that goes on with it.'],
  mostWords: 0,
  run({ live, json, stdout, tell, goOnText }) {
    live.session()
    const id = live.keep()
    if (json) writeJson(stdout, { sessionId: id ?? null })
    else tell(goOnText(id))
    return Promise.resolve(id !== undefined)
  },
}

const end: Verb = {
  name: 'end',
  usage: '',
  about: 'end the session now, and stay here',
  mostWords: 0,
  async run({ live, tell }) {
    live.session()
    await live.end()
    tell('The session has ended. new opens another one.')
    return true
  },
}

const quit: Verb = {
  name: 'quit',
  usage: '',
  about: 'leave, and end the session unless it is kept',
  more: ['A session that was opened elsewhere (--session) stays open; end ends it.'],
  mostWords: 0,
  run: () => Promise.resolve('leave' as const),
}

/** Every command but `help`, in the order of the help. */
export const verbs: readonly Verb[] = [
  ...[call, tools, resources, read, prompts, prompt, log, status, renew, keep, end, quit],
]

/** The tools may have changed without a word. */
async function toolNamed({ catalogue }: OpenSession, name: string): Promise<Tool> {
  const known = (await catalogue.tools()).find((tool) => tool.name === name)
  return known ?? findTool(await catalogue.tools(true), name)
}

/** The connection for one command, which the user may stop. */
function interruptible(connection: Connection, signal: AbortSignal): Connection {
  return {
    ...connection,
    request: (run, onprogress) => connection.request(run, onprogress, signal),
  }
}

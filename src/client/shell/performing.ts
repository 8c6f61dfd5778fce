import { closest } from '../../ground/closest.ts'
import { plainLine } from '../../ground/terminal.ts'
import { Failure } from '../failures.ts'
import { helpLines, helpOf } from './greeting.ts'
import type { Doing, Verb } from './verbs.ts'
import { verbs } from './verbs.ts'
import { readLine } from './words.ts'

export type Outcome = boolean | 'leave'

const help: Verb = {
  name: 'help',
  usage: '[COMMAND]',
  about: 'list the commands, or explain one',
  completes: 'commands',
  mostWords: 1,
  run({ input, stdout }) {
    const [name] = input.words
    const lines =
      name === undefined ? helpLines(verbs) : helpOf(verbFor(name) ?? unknownVerb(name, []))
    stdout.write(`${lines.join('\n')}\n`)
    return Promise.resolve(true)
  },
}

export const verbsByName: ReadonlyMap<string, Verb> = new Map(
  [...verbs, help].map((verb) => [verb.name, verb]),
)
/** What others call it. */
const aliases = new Map([
  ['exit', 'quit'],
  ['?', 'help'],
])
/** Those that need no session. */
const alwaysThere = new Set(['help', 'new', 'quit'])
/** Those that are about the session itself, so that another one is no help. */
const ofSession = new Set(['status', 'keep', 'end'])

export interface Command {
  verb: Verb
  needsSession: boolean
  /** Whether it makes no sense in another session. */
  isOfSession: boolean
  run(doing: Omit<Doing, 'input' | 'json'>): Promise<Outcome>
}

/**
 * Reads one line.
 *
 * @param toolNames of the server, for whoever forgets to say `call`
 * @param isJson whether results are wanted raw in any case
 * @throws Failure if it is no command
 */
export async function commandOf(
  line: string,
  toolNames: () => Promise<string[]>,
  isJson: boolean,
): Promise<Command> {
  const read = readLine(line)
  if ('problem' in read) throw new Failure(read.problem)
  const { command, input } = read
  const verb = verbFor(command) ?? unknownVerb(command, await toolNames())
  const extra = verb.mostWords === undefined ? undefined : input.words[verb.mostWords]
  if (extra !== undefined) {
    const usage = `${verb.name} ${verb.usage}`.trim()
    throw new Failure(plainLine(`${extra} is one word too many. It is: ${usage}`))
  }
  return {
    verb,
    needsSession: !alwaysThere.has(verb.name),
    isOfSession: ofSession.has(verb.name),
    run: (doing) => verb.run({ ...doing, input, json: input.json || isJson }),
  }
}

const verbFor = (name: string): Verb | undefined => verbsByName.get(aliases.get(name) ?? name)

function unknownVerb(name: string, tools: readonly string[]): never {
  const meant = tools.includes(name) ? `call ${name}` : closest(name, verbsByName.keys())
  const hint = meant === undefined ? 'help lists them.' : `Did you mean ${meant}?`
  throw new Failure(plainLine(`There is no command ${name}. ${hint}`))
}

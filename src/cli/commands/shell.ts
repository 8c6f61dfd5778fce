import { defineCommand } from '../command.ts'
import { clientFolder, targetOf, targetOptions } from '../target.ts'
import { jsonObjectValue, noMore, pairValues } from '../values.ts'
import { answerOptions } from './call.ts'

export const shell = defineCommand({
  name: 'shell',
  summary: 'Keep one session of an MCP server open, and work in it',
  usage: 'URL [options]',
  options: {
    keep: { type: 'boolean', description: 'leave the session open at the end, and say its id' },
    ...answerOptions,
    ...targetOptions,
  },
  details: [
    'At a terminal: a prompt with completion (Tab) and history; help there lists the commands.',
    'Ctrl-C cancels what runs; quit or Ctrl-D ends the session. Elsewhere the commands come from',
    'stdin, one a line; # begins a comment.',
    '',
    'examples:',
    '  mcp-berth shell http://127.0.0.1:8080/servers/trip-planner/mcp',
    `  printf '%s\\n' 'call whoami' 'call whoami' | mcp-berth shell http://127.0.0.1:8080/mcp`,
    '',
    'exit codes: 0 done, 1 no session, or a command from stdin failed, 2 wrong usage',
  ],
  async run({ positionals, values, stdin, stdout, stderr, env, signal }) {
    const target = targetOf(positionals[0], values, env)
    noMore(positionals, 1)
    const pairs = pairValues('answer', values.answer)
    const answers = jsonObjectValue('answers', values.answers)
    const [{ runShell }, { createGiven }] = await Promise.all([
      import('../../client/shell/shell.ts'),
      import('../../client/given.ts'),
    ])
    const options = {
      json: values.json,
      keep: values.keep,
      folder: clientFolder(env),
      given: createGiven(pairs, answers),
      sampleWith: values['sample-with'],
    }
    // Whoever closes the terminal leaves, too.
    const hangUp = new AbortController()
    process.once('SIGHUP', () => hangUp.abort(new Error('Hung up.')))
    const stop = AbortSignal.any([signal, hangUp.signal])
    return runShell(target, options, { stdin, stdout, stderr, signal: stop })
  },
})

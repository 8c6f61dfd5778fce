import { defineCommand } from '../command.ts'
import { clientFolder, targetOf, targetOptions } from '../target.ts'
import { jsonObjectValue, noMore, pairValues } from '../values.ts'
import { answerOptions } from './call.ts'

export const shell = defineCommand({
  name: 'shell',
  summary: 'Work in one session of an MCP server, at a prompt',
  usage: 'URL [options]',
  options: {
    keep: { type: 'boolean', description: 'leave the session open when you quit' },
    ...answerOptions,
    ...targetOptions,
  },
  details: [
    'All that you call runs in the same session, so at a Berth the same worker serves it. Type help',
    'for the commands. Tab completes them, with tools, arguments and values; the arrow keys bring',
    'back what you typed. Ctrl-C cancels what runs, quit or Ctrl-D leaves and ends the session. One',
    'that you went on with (--session) stays open.',
    '',
    'Without a terminal the commands come from stdin, one a line.',
    '',
    'examples:',
    '  mcp-berth shell http://127.0.0.1:8080/servers/trip-planner/mcp',
    '  mcp-berth shell http://127.0.0.1:8080/servers/trip-planner/mcp < commands.txt',
    '',
    'exit codes: 0 done, 1 no session could be opened or a command from stdin failed, 2 wrong usage',
  ],
  async run({ positionals, values, stdin, stdout, stderr, env, asCalled, signal }) {
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
    return runShell(target, options, { stdin, stdout, stderr, signal: stop, asCalled })
  },
})

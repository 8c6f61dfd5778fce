import { defineCommand, UsageError } from '../command.ts'
import type { CommandOptions } from '../command.ts'
import { targetOf, targetOptions } from '../target.ts'
import { jsonObjectValue, pairValues } from '../values.ts'

/** How the questions of a tool are answered before they are asked. */
export const answerOptions = {
  answer: {
    type: 'string',
    multiple: true,
    value: 'KEY=VALUE',
    description: 'answer a question before it is asked; repeatable',
  },
  answers: { type: 'string', value: 'JSON', description: 'answer several at once' },
  'sample-with': {
    type: 'string',
    value: 'COMMAND',
    description: 'answer sampling by a program: it reads the request as JSON, and prints the reply',
  },
} as const satisfies CommandOptions

export const call = defineCommand({
  name: 'call',
  summary: 'Call a tool, and answer what it asks',
  usage: 'URL TOOL [KEY=VALUE …] [options]',
  options: {
    args: {
      type: 'string',
      value: 'JSON',
      description: 'the arguments of the tool, in place of KEY=VALUE',
    },
    ...answerOptions,
    keep: { type: 'boolean', description: 'leave the session open, and say how to go on with it' },
    ...targetOptions,
  },
  details: [
    'At a terminal you are asked what the tool asks, and Ctrl-C cancels a question. In a script',
    '--answer and the defaults of the form give the answers, and all other questions are declined.',
    '',
    'examples:',
    '  mcp-berth call http://127.0.0.1:8080/servers/trip-planner/mcp plan_trip',
    '  mcp-berth call http://127.0.0.1:8080/mcp monthly_report month=2026-11',
    `  mcp-berth call http://127.0.0.1:8080/mcp monthly_report --args '{"month": "2026-11"}'`,
    '',
    'Each call has a session of its own, so at a Berth a worker of its own. With --keep the session',
    'stays open, and later calls go on with it (--session ID). To make many calls in one session,',
    'use mcp-berth shell.',
    '',
    'exit codes: 0 the tool succeeded, 1 it reported an error or could not be called, 2 wrong usage',
  ],
  async run({ positionals, values, stdin, stdout, stderr, env, asCalled, signal }) {
    const [url, tool, ...words] = positionals
    const target = targetOf(url, values, env)
    if (tool === undefined) {
      throw new UsageError('The name of the tool is missing; mcp-berth tools URL lists them.')
    }
    checkWords(words, values.args !== undefined)
    const args = jsonObjectValue('args', values.args)
    const pairs = pairValues('answer', values.answer)
    const answers = jsonObjectValue('answers', values.answers)
    const [{ callTool }, { createGiven }] = await Promise.all([
      import('../../client/call.ts'),
      import('../../client/given.ts'),
    ])
    return callTool(
      target,
      {
        tool,
        args,
        words,
        given: createGiven(pairs, answers),
        sampleWith: values['sample-with'],
        json: values.json,
        keep: values.keep,
      },
      { stdin, stdout, stderr, asCalled, signal },
    )
  },
})

/** @throws UsageError; whether the tool takes them is not known yet. */
function checkWords(words: string[], hasArgs: boolean): void {
  const [first] = words
  if (first === undefined) return
  if (hasArgs) throw new UsageError(`Give the arguments as ${first} or with --args, not both.`)
  const wrong = first.startsWith('{') ? words[1] : words.find((word) => word.indexOf('=') < 1)
  if (wrong === undefined) return
  throw new UsageError(
    `${wrong} is one word too many. Write the arguments of the tool as KEY=VALUE.`,
  )
}

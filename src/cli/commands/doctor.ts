import { plain, writeJson } from '../../ground/terminal.ts'
import { defineCommand } from '../command.ts'
import { styleFor, writeLines } from '../output.ts'
import { noMore } from '../values.ts'

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Show what this machine can isolate and limit, and how to enable the rest',
  usage: '[options]',
  options: { json: { type: 'boolean', description: 'print everything as JSON' } },
  details: [
    'Each feature is tried out, and nothing is left behind:',
    '  ✓  it works',
    '  ~  something weaker takes its place',
    '  ✗  it does not work; the lines below it have the command that enables it',
    'Run this as the user that the gateway runs as, and start it in the same way.',
    '',
    'exit codes: 0 the machine was examined, whatever it can do, 1 it was not, 2 wrong usage',
  ],
  async run({ positionals, values, stdout, env, asCalled }) {
    noMore(positionals, 0)
    const { examineMachine } = await import('../../gateway.ts')
    const { findings, summary } = await examineMachine({ searchPath: env.PATH ?? '' })
    if (values.json) {
      writeJson(stdout, { findings, summary })
      return 0
    }
    const { green, yellow, red, bold, dim } = styleFor(stdout)
    const marks = { yes: green('✓'), weaker: yellow('~'), no: red('✗') }
    const lines = findings.flatMap(({ feature, state, reason, helps }) => [
      `${marks[state]} ${bold(feature)}: ${plain(reason)}`,
      ...helps.map((help) => dim(`    ${help}`)),
    ])
    writeLines(stdout, [...lines, '', summary].map(asCalled))
    return 0
  },
})

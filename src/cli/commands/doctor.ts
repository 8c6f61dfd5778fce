import { plain, writeJson } from '../../ground/terminal.ts'
import { defineCommand } from '../command.ts'
import { styleFor, writeLines } from '../output.ts'
import { noMore } from '../values.ts'

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Say what this machine can isolate and limit, and which command enables the rest',
  usage: '[options]',
  options: { json: { type: 'boolean', description: 'print everything as JSON' } },
  details: [
    'Everything is found out by doing it, and nothing is left of it. ✓ it works, ~ something weaker',
    'stands in for it, ✗ it does not work; the lines below have the commands that would enable it.',
    'Run it as the user that the gateway runs as, and started in the same way.',
    '',
    'exit codes: 0 the machine was examined, whatever it can do, 1 it could not be, 2 wrong usage',
  ],
  async run({ positionals, values, stdout, env }) {
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
    writeLines(stdout, [...lines, '', summary])
    return 0
  },
})

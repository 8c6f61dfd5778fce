import type { Command, CommandOption } from './command.ts'
import { tableLines } from './output.ts'

export function overview(commands: Iterable<Command>): string[] {
  const rows = Array.from(commands, ({ name, summary }) => [name, summary])
  return [
    'Berth is a gateway for MCP servers that gives every session a worker process of its own.',
    '',
    'usage: mcp-berth COMMAND [options]',
    '',
    'commands:',
    ...tableLines(rows, '  '),
    '',
    'New here? mcp-berth demo shows how it works. mcp-berth serve -- COMMAND serves your own server.',
    'Options of a command: mcp-berth help COMMAND. Version: mcp-berth --version.',
  ]
}

export function usageOf({ name, usage }: Command): string {
  return `usage: mcp-berth ${name} ${usage}`.trimEnd()
}

export function helpOf(command: Command): string[] {
  const rows = Object.entries(command.options).map(([name, option]) => [
    optionWords(name, option),
    option.description,
  ])
  return [
    `${command.summary}.`,
    '',
    usageOf(command),
    '',
    'options:',
    ...tableLines([...rows, ['-h, --help', 'show this help']], '  '),
    ...(command.details.length > 0 ? ['', ...command.details] : []),
  ]
}

function optionWords(name: string, { type, short, value = 'VALUE' }: CommandOption): string {
  const long = type === 'string' ? `--${name} ${value}` : `--${name}`
  return short === undefined ? `    ${long}` : `-${short}, ${long}`
}

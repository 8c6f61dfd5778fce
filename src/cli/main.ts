#!/usr/bin/env node
import type { Writable } from 'node:stream'

import { closest } from '../ground/closest.ts'
import { messageOf } from '../ground/errors.ts'
import { version } from '../ground/version.ts'
import { UsageError } from './command.ts'
import type { Command } from './command.ts'
import { commands } from './commands/index.ts'
import { helpOf, overview, usageOf } from './help.ts'
import { writeLines } from './output.ts'
import { parseCommandLine } from './parse.ts'

const { stdin, stdout, stderr, env } = process
const exitCodes = { fine: 0, failed: 1, wrongUse: 2 }

async function main([word, ...words]: string[]): Promise<number> {
  try {
    if (word === '--version' || word === '-v') return say([version()])
    if (word === undefined || ['help', '--help', '-h'].includes(word)) return help(words[0])
    return await run(find(word), words)
  } catch (error) {
    return complain(error)
  }
}

async function run(command: Command, words: string[]): Promise<number> {
  try {
    const { wantsHelp, ...parsed } = parseCommandLine(command, words)
    if (wantsHelp) return say(helpOf(command))
    if (parsed.rest !== undefined && command.takesRest !== true) {
      throw new UsageError(`${command.name} takes nothing after --.`)
    }
    return await command.run({ ...parsed, stdin, stdout, stderr, env, signal: untilStopped() })
  } catch (error) {
    const code = complain(error)
    if (error instanceof UsageError) writeLines(stderr, [usageOf(command)])
    return code
  }
}

function help(name: string | undefined): number {
  return say(name === undefined ? overview(commands.values()) : helpOf(find(name)))
}

function find(name: string): Command {
  const command = commands.get(name)
  if (command) return command
  const meant = closest(name, [...commands.keys()])
  const hint = meant === undefined ? 'mcp-berth help lists them.' : `Did you mean ${meant}?`
  const noun = name.startsWith('-') ? 'option' : 'command'
  throw new UsageError(`There is no ${noun} ${name}. ${hint}`)
}

function say(lines: string[]): number {
  writeLines(stdout, lines)
  return exitCodes.fine
}

function complain(error: unknown): number {
  writeLines(stderr, [`mcp-berth: ${messageOf(error)}`])
  return error instanceof UsageError ? exitCodes.wrongUse : exitCodes.failed
}

/** The first Ctrl-C asks the command to stop, the second does not ask. */
function untilStopped(): AbortSignal {
  const stopping = new AbortController()
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    stopping.abort(new Error('Stopped.'))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return stopping.signal
}

function flush(out: Writable): Promise<void> {
  return new Promise((resolve) => out.write('', () => resolve()))
}

// Whoever reads the output may stop reading (`| head`); that is no failure.
for (const out of [stdout, stderr]) {
  out.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.fine)
    throw error
  })
}

const code = await main(process.argv.slice(2))
await Promise.all([flush(stdout), flush(stderr)])
process.exit(code)

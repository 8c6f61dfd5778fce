import type { Readable, Writable } from 'node:stream'

import { closest } from '../ground/closest.ts'
import { messageOf } from '../ground/errors.ts'
import { guardScreen } from '../ground/screen.ts'
import { isTerminal, plain } from '../ground/terminal.ts'
import { version } from '../ground/version.ts'
import { calledAs } from './called-as.ts'
import type { CalledAs, Start } from './called-as.ts'
import { UsageError } from './command.ts'
import type { Command } from './command.ts'
import { commands } from './commands/index.ts'
import { helpOf, overview, usageOf } from './help.ts'
import { writeLines } from './output.ts'
import { parseCommandLine } from './parse.ts'

const exitCodes = { fine: 0, failed: 1, wrongUse: 2 }

/** What the process has of the world. */
export interface Surroundings {
  start: Start
  stdin: Readable
  stdout: Writable
  stderr: Writable
}

/** Runs one command line. @returns the exit code, when everything is written */
export async function runProgram(words: string[], around: Surroundings): Promise<number> {
  const { stdout, stderr, start } = around
  const lost = new Set<unknown>()
  // Whoever reads the output may stop reading (`| head`); that is no failure. Neither that nor a disk
  // that is full is a reason for a gateway to end with all its sessions.
  const servesOthers = words[0] !== undefined && commands.get(words[0])?.servesOthers === true
  for (const out of [stdout, stderr]) {
    guardScreen(out)
    out.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') lost.add(out)
      else if (!servesOthers) process.exit(exitCodes.fine)
    })
  }
  const code = await main(words, { ...around, asCalled: calledAs(start, commands.keys()) })
  await Promise.all([flush(stdout), flush(stderr)])
  return lost.size > 0 && code === exitCodes.fine ? exitCodes.failed : code
}

type World = Surroundings & { asCalled: CalledAs }

async function main([word, ...words]: string[], world: World): Promise<number> {
  try {
    if (word === '--version' || word === '-v') return say([version()], world)
    if (word === undefined || ['help', '--help', '-h'].includes(word)) return help(words[0], world)
    return await run(find(word), words, world)
  } catch (error) {
    return complain(error, world)
  }
}

async function run(command: Command, words: string[], world: World): Promise<number> {
  try {
    const { wantsHelp, ...parsed } = parseCommandLine(command, words)
    if (wantsHelp) return say(helpOf(command), world)
    if (parsed.rest !== undefined && command.takesRest !== true) {
      throw new UsageError(`${command.name} takes nothing after --.`)
    }
    const { stdin, stdout, stderr, asCalled, start } = world
    const signal = untilStopped([stdout, stderr])
    const context = { stdin, stdout, stderr, asCalled, env: start.env, signal }
    return await command.run({ ...parsed, ...context })
  } catch (error) {
    const code = complain(error, world)
    if (error instanceof UsageError) writeLines(world.stderr, [world.asCalled(usageOf(command))])
    return code
  }
}

function help(name: string | undefined, world: World): number {
  return say(name === undefined ? overview(commands.values()) : helpOf(find(name)), world)
}

function find(name: string): Command {
  const command = commands.get(name)
  if (command) return command
  const meant = closest(name, [...commands.keys()])
  const hint = meant === undefined ? 'mcp-berth help lists them.' : `Did you mean ${meant}?`
  const noun = name.startsWith('-') ? 'option' : 'command'
  throw new UsageError(`There is no ${noun} ${name}. ${hint}`)
}

function say(lines: string[], { stdout, asCalled }: World): number {
  writeLines(stdout, lines.map(asCalled))
  return exitCodes.fine
}

function complain(error: unknown, { stderr, asCalled }: World): number {
  writeLines(stderr, [asCalled(plain(`mcp-berth: ${messageOf(error)}`))])
  return error instanceof UsageError ? exitCodes.wrongUse : exitCodes.failed
}

/** The first Ctrl-C asks the command to stop, the second does not ask. */
function untilStopped(screens: Writable[]): AbortSignal {
  const stopping = new AbortController()
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) {
      // A prompt may have hidden it. How the terminal reads keys Node restores itself.
      for (const screen of screens) if (isTerminal(screen)) screen.write(showCursor)
      process.exit(signal === 'SIGINT' ? 130 : 143)
    }
    stopping.abort(new Error('Stopped.'))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  // Of a terminal that was closed, or of who expects the configuration to be read again.
  process.on('SIGHUP', stop)
  return stopping.signal
}

const showCursor = '\u001b[?25h'

function flush(out: Writable): Promise<void> {
  return new Promise((resolve) => out.write('', () => resolve()))
}

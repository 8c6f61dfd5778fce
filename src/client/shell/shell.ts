import { styleText } from 'node:util'

import { select } from '@clack/prompts'

import { hasColors } from '../../ground/terminal.ts'
import { endingText } from '../endings.ts'
import { toFailure } from '../failures.ts'
import { goOnLines, sessionFailure } from '../session.ts'
import type { Io, Target } from '../session.ts'
import { greetingOf, hintText, promptText } from './greeting.ts'
import { commandOf } from './performing.ts'
import type { Command, Outcome } from './performing.ts'
import { partsOf } from './wiring.ts'
import type { Parts, ShellOptions } from './wiring.ts'

const interruptedExitCode = 130
const notYet = 'Your command was not run yet. Arrow up brings it back.'
const notAgain = 'Your command was not run again. Arrow up brings it back.'

/**
 * Keeps one session, and does in it what the user types or what stands in a script.
 *
 * @returns 0; 1 if a command of a script failed; 130 if the user stopped it.
 * @throws Failure if no session can be opened.
 */
export async function runShell(target: Target, options: ShellOptions, io: Io): Promise<number> {
  const parts = partsOf(target, options, io)
  const { desk, live } = parts
  const shell = createShell(target, options, io, parts)
  try {
    const isOpen = await desk.whileBusy((stop) => shell.begin(stop))
    if (!isOpen) return interruptedExitCode
    const hasFailed = await shell.loop()
    if (io.signal.aborted) return interruptedExitCode
    return hasFailed && !desk.isTerminal ? 1 : 0
  } finally {
    desk.close()
    const id = live.current()?.connection.sessionId
    const isOver = live.current() === undefined
    const hasEnded = await live.leave()
    if (!isOver && !hasEnded) tellKept(target, id, io)
    else if (hasEnded && desk.isTerminal) {
      // The prompt is still there.
      io.stderr.write(`${io.signal.aborted ? '\n' : ''}The session has ended.\n`)
    }
  }
}

function tellKept(target: Target, id: string | undefined, { stderr, asCalled }: Io): void {
  stderr.write(`${asCalled(goOnLines(target, 'shell', [], id).join('\n'))}\n`)
}

interface Shell {
  /** @returns whether the session is open; else the user did not want to wait for it. */
  begin(stop: AbortSignal): Promise<boolean>
  /** Until the user leaves. @returns whether a command failed. */
  loop(): Promise<boolean>
}

function createShell(target: Target, options: ShellOptions, io: Io, parts: Parts): Shell {
  const { desk, live, bar, answering, given } = parts
  const { stdout, stderr, signal, asCalled } = io

  async function open(stop: AbortSignal): Promise<void> {
    const session = await live.open(AbortSignal.any([signal, stop]))
    parts.isEndTold = false
    const { client, request, offers } = session.connection
    // Nothing was asked yet of one that was opened elsewhere.
    if (session.isOlder) await request((sent) => client.ping(sent), undefined, stop)
    const { level } = live
    if (level !== undefined && offers('logging')) {
      await request((sent) => client.setLoggingLevel(level, sent), undefined, stop)
    }
    if (desk.isTerminal) desk.tell(await greetingOf(session))
  }

  function complain(said: string): false {
    const text = asCalled(said)
    if (desk.isTerminal) desk.tell(hasColors(stderr) ? styleText('red', text) : text)
    else desk.tell(`line ${desk.lineNumber()}: ${text}`)
    return false
  }

  function doing(stop: AbortSignal): Parameters<Command['run']>[0] {
    return {
      live,
      stdout,
      stderr,
      bar,
      signal: stop,
      tell: desk.tell,
      open: () => open(stop),
      goOnText: (id) => asCalled(goOnLines(target, 'shell', [], id).join('\n')),
      answerWith(pairs) {
        const before = answering.misfits()
        const { unused } = given.use(pairs)
        return { unused, hadMisfit: () => answering.misfits() > before }
      },
    }
  }

  async function perform(command: Command, stop: AbortSignal): Promise<Outcome> {
    try {
      const outcome = await command.run(doing(stop))
      const session = live.current()
      if (command.needsSession && session !== undefined) session.lastAtMs = Date.now()
      return outcome
    } catch (error) {
      bar.hide()
      if (stop.aborted) {
        desk.tell('Cancelled.')
        return false
      }
      live.noticed(error)
      const ending = live.ending()
      if (ending === undefined) return complain(toFailure(error, target.url).message)
      parts.isEndTold = true
      return complain(endingText(ending, target.url))
    } finally {
      bar.finish()
      given.use([])
    }
  }

  function tellNone(): void {
    const ending = live.ending()
    const isNews = ending !== undefined && (!parts.isEndTold || !desk.isTerminal)
    const said = isNews ? endingText(ending, target.url) : 'No session is open.'
    parts.isEndTold = true
    complain(`${said} new opens another one.`)
  }

  /** @returns whether there is a session to work in. */
  async function offer(): Promise<boolean> {
    if (!parts.isEndTold) tellNone()
    const choice = await desk.atKeyboard(() =>
      select({
        message: 'Open a new session? What the server kept in the old one is gone.',
        options: [
          { value: 'yes', label: 'Yes' },
          { value: 'no', label: 'No' },
        ],
        showInstructions: false,
        input: io.stdin,
        output: stderr,
        signal,
      }),
    )
    if (choice !== 'yes') return false
    return desk.whileBusy(async (stop) => {
      try {
        await open(stop)
        return true
      } catch (error) {
        return complain(stop.aborted ? 'Cancelled.' : toFailure(error, target.url).message)
      }
    })
  }

  async function toolNames(): Promise<string[]> {
    const catalogue = live.current()?.catalogue
    // At a terminal they were asked for at the beginning.
    const tools = desk.isTerminal ? catalogue?.knownTools() : await catalogue?.tools()
    return (tools ?? []).map(({ name }) => name)
  }

  async function read(line: string): Promise<Command | undefined> {
    try {
      return await commandOf(line, () => toolNames().catch(() => []), options.json)
    } catch (error) {
      complain(toFailure(error, target.url).message)
      return undefined
    }
  }

  async function handle(line: string): Promise<Outcome> {
    const command = await read(line)
    if (command === undefined) return false
    const hasSession = !command.needsSession || live.current() !== undefined
    if (!hasSession && (!desk.isTerminal || command.isOfSession)) {
      tellNone()
      return false
    }
    const outcome = hasSession && (await desk.whileBusy((stop) => perform(command, stop)))
    // It did well, and the end was noticed beside it.
    const isUntold = hasSession && live.ending() !== undefined && !parts.isEndTold
    if (isUntold && desk.isTerminal) tellNone()
    const isLost = command.needsSession && live.current() === undefined && outcome === false
    if (!isLost || command.isOfSession || !desk.isTerminal || signal.aborted) return outcome
    // Not run again by itself: whoever typed it knew of what is gone now.
    if (await offer()) desk.tell(hasSession ? notAgain : notYet)
    return outcome
  }

  return {
    async begin(stop) {
      try {
        await open(stop)
        if (desk.isTerminal) desk.tell(hintText)
        return true
      } catch (error) {
        if (stop.aborted) return false
        throw sessionFailure(error, target)
      }
    },
    async loop() {
      let hasFailed = false
      for (;;) {
        parts.isBusy = false
        const line = await desk.next(promptText(live, stderr))
        parts.isBusy = true
        if (line === undefined) return hasFailed
        if (line.trim() === '') continue
        desk.remember(line)
        const outcome = await handle(line)
        if (outcome === 'leave') return hasFailed
        if (!outcome) hasFailed = true
      }
    },
  }
}

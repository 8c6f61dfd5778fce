import {
  clearScreenDown,
  createInterface,
  cursorTo,
  emitKeypressEvents,
  moveCursor,
} from 'node:readline'
import type { Interface, Key } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

import type { Console } from './console.ts'

export type Complete = (line: string) => Promise<[string[], string]>

export interface TerminalOptions {
  input: Readable & { setRawMode?(isRaw: boolean): unknown }
  output: Writable
  /** Newest first. */
  history: readonly string[]
  complete: Complete
  /** Takes what is drawn in the last line off it. */
  beforeWriting(): void
  /** What Ctrl-C at an empty prompt says. */
  leavingText(): string
  /** The user, or the system, ends the program. */
  signal: AbortSignal
}

interface Draft {
  line: string
  cursor: number
}

interface Pressed {
  text: string | undefined
  key: Key
}

/**
 * A prompt with a line editor. Between two prompts keys are kept for the next one, but for Ctrl-C,
 * which stops the work; while a question is open, they are its own.
 *
 * `node:readline` and the prompts of questions cannot share a terminal, so that each prompt has an
 * Interface of its own, which is closed whenever somebody else needs the keyboard.
 */
export function createTerminal(options: TerminalOptions): Console {
  const { input, output, signal } = options
  let isAsking = false
  let editor: Interface | undefined
  let prompt = ''
  let answer: ((line: string | undefined) => void) | undefined
  let work: AbortController | undefined
  let typedAhead: Pressed[] = []
  /** Said while a question is open, which draws relative to where it was. */
  const unsaid: string[] = []

  function onKey(text: string | undefined, key: Key): void {
    if (key.ctrl !== true || key.name !== 'c') {
      typedAhead.push({ text, key })
      return
    }
    typedAhead = []
    if (work === undefined) say(options.leavingText())
    else if (!work.signal.aborted) work.abort(new Error('Cancelled.'))
    // It does not stop: what the terminal does not do while keys are read one by one.
    else process.kill(process.pid, 'SIGINT')
  }

  function takeKeys(): void {
    isAsking = false
    emitKeypressEvents(input)
    input.off('keypress', onKey)
    input.on('keypress', onKey)
    setRawMode(true)
    input.resume()
  }

  /** Node crashes when the terminal is gone. */
  function setRawMode(isRaw: boolean): void {
    if (!input.destroyed && !input.readableEnded) input.setRawMode?.(isRaw)
  }

  function leaveKeys(): void {
    input.off('keypress', onKey)
    setRawMode(false)
    input.pause()
  }

  function openEditor({ line, cursor }: Draft): void {
    let isCompleting = false
    input.off('keypress', onKey)
    const own = createInterface({
      input,
      output,
      prompt,
      terminal: true,
      history: [...options.history],
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (typed: string, done: (error: null, found: [string[], string]) => void) => {
        const none: [string[], string] = [[], typed]
        // A second Tab before the first is answered would insert the same once more.
        if (isCompleting) {
          done(null, none)
          return
        }
        isCompleting = true
        const found = options.complete(typed).catch(() => none)
        void found.then((hits) => {
          isCompleting = false
          // It may have been closed meanwhile, and would draw over what is there now.
          if (editor === own) done(null, hits)
        })
      },
    })
    editor = own
    own.on('line', (typed) => finish(typed))
    // It says again what the terminal says, and there nobody has to hear it twice.
    own.on('error', () => undefined)
    own.on('close', () => {
      if (editor !== own) return
      output.write('\n')
      finish(undefined)
    })
    own.on('SIGINT', () => {
      const isEmpty = own.line === ''
      closeEditor()
      output.write(isEmpty ? '' : '^C\n')
      openEditor({ line: '', cursor: 0 })
      if (isEmpty) say(options.leavingText())
    })
    own.prompt()
    if (line !== '') {
      own.write(line)
      for (let back = Array.from(line.slice(cursor)).length; back > 0; back--) {
        own.write(null, { name: 'left' })
      }
    }
    while (typedAhead.length > 0 && editor === own) {
      const pressed = typedAhead.shift()
      if (pressed !== undefined) input.emit('keypress', pressed.text, pressed.key)
    }
  }

  function closeEditor(): Draft {
    const draft = { line: editor?.line ?? '', cursor: editor?.cursor ?? 0 }
    const closed = editor
    editor = undefined
    closed?.close()
    takeKeys()
    return draft
  }

  function finish(line: string | undefined): void {
    closeEditor()
    const waiting = answer
    answer = undefined
    waiting?.(line)
  }

  /** Takes the prompt and what is typed there off the screen. */
  function erase(rows: number): void {
    moveCursor(output, 0, -rows)
    cursorTo(output, 0)
    clearScreenDown(output)
  }

  function say(text: string): void {
    if (isAsking) {
      unsaid.push(text)
      return
    }
    if (editor === undefined) {
      options.beforeWriting()
      output.write(`${text}\n`)
      return
    }
    const { rows } = editor.getCursorPos()
    erase(rows)
    // The editor goes up by as many rows before it draws.
    output.write(`${text}\n${'\n'.repeat(rows)}`)
    editor.prompt(true)
  }

  const onAbort = (): void => {
    work?.abort(signal.reason)
    if (answer !== undefined) finish(undefined)
  }
  signal.addEventListener('abort', onAbort)
  // The terminal was closed.
  input.on('error', onAbort)
  takeKeys()

  return {
    isTerminal: true,
    lineNumber: () => 1,
    next: (text) =>
      new Promise((resolve) => {
        if (signal.aborted) {
          resolve(undefined)
          return
        }
        prompt = text
        answer = resolve
        openEditor({ line: '', cursor: 0 })
      }),
    changePrompt(text) {
      prompt = text
      if (editor === undefined) return
      const { rows } = editor.getCursorPos()
      erase(rows)
      editor.setPrompt(prompt)
      output.write('\n'.repeat(rows))
      editor.prompt(true)
    },
    tell: say,
    async whileBusy(run) {
      work = new AbortController()
      if (signal.aborted) work.abort(signal.reason)
      try {
        return await run(work.signal)
      } finally {
        work = undefined
      }
    },
    async atKeyboard(turn) {
      let draft: Draft | undefined
      if (editor !== undefined) {
        erase(editor.getCursorPos().rows)
        draft = closeEditor()
      }
      // What was typed before the question could be seen is no answer to it.
      typedAhead = []
      leaveKeys()
      isAsking = true
      try {
        return await turn()
      } finally {
        takeKeys()
        for (const text of unsaid.splice(0)) say(text)
        if (draft !== undefined && answer !== undefined) openEditor(draft)
      }
    },
    close() {
      signal.removeEventListener('abort', onAbort)
      // `error` stays: the last change of its mode may fail yet.
      if (editor !== undefined) closeEditor()
      leaveKeys()
    },
  }
}

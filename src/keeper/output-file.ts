import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

import { createLineSplitter } from './lines.ts'

const keptLines = 20
const keptLineChars = 2000
/** Of what was taken for a message and is none, so much is enough to see what it is. */
const notedChars = 64 * 1024

/** What a worker writes: to a file that is rotated by size, and its last lines kept at hand. */
export interface OutputFile {
  /** Takes bytes of one of the worker's streams; lines of two streams are never mixed. */
  stream(): (chunk: Buffer) => void
  /** A line that the keeper itself has to say. */
  note(line: string): void
  /** At most 20, oldest first. */
  lastLines(): string[]
  /** Adds the lines that have no end yet. What comes afterwards is dropped. */
  close(): void
}

/** @param maxBytes at this size FILE becomes FILE.1 (the old FILE.1 goes) and FILE begins anew. */
export function openOutputFile(file: string, maxBytes: number): OutputFile {
  let fd: number | undefined = openSync(file, 'a', 0o600)
  let size = fstatSync(fd).size
  const last: string[] = []
  const streams: (() => void)[] = []
  let isClosed = false

  const rotate = (): void => {
    if (fd !== undefined) closeSync(fd)
    fd = undefined
    renameSync(file, `${file}.1`)
    fd = openSync(file, 'a', 0o600)
    size = 0
  }
  const write = (bytes: Buffer): void => {
    if (isClosed) return
    try {
      if (size > 0 && size + bytes.length > maxBytes) rotate()
      // Synchronous on purpose: output is small, comes in order, and must be in the file before
      // the keeper exits or is killed.
      if (fd !== undefined) writeSync(fd, bytes)
      size += bytes.length
    } catch {
      // A full disk costs output, not the session.
    }
  }
  const keep = (line: string): void => {
    last.push(line.length > keptLineChars ? `${line.slice(0, keptLineChars)}…` : line)
    if (last.length > keptLines) last.shift()
  }

  return {
    stream() {
      const lines = createLineSplitter((line) => {
        write(Buffer.concat([line, newline]))
        keep(line.toString('utf8'))
      }, maxBytes)
      streams.push(() => lines.end())
      return (chunk) => lines.push(chunk)
    },
    note(line) {
      const isLong = line.length > notedChars
      write(Buffer.from(isLong ? `${line.slice(0, notedChars)}…\n` : `${line}\n`))
      keep(line)
    },
    lastLines: () => [...last],
    close() {
      for (const end of streams) end()
      isClosed = true
      if (fd !== undefined) closeSync(fd)
    },
  }
}

const newline = Buffer.from('\n')

import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'

/** Reads what a worker has written, and goes on reading while it writes. */
export interface FollowOptions {
  file: string
  /** How many of the lines that stand there already are given first. */
  lines: number
  /** Goes on until this is aborted; without it, until the end of the file. */
  until?: AbortSignal
  onLine(line: string): void
}

const pollMs = 200
const readBytes = 64 * 1024

/**
 * Calls `onLine` for each line, in order. The file may not be there yet, and may be rotated
 * meanwhile: what was written to the old one after the last look is lost then.
 */
export async function followOutput({ file, lines, until, onLine }: FollowOptions): Promise<void> {
  const first: string[] = []
  let isFirst = true
  const reader = createLineReader((line) => {
    if (!isFirst) onLine(line)
    else if (first.push(line) > lines) first.shift()
  })

  for (;;) {
    const isLast = until?.aborted !== false
    const handle = await open(file, 'r').catch(() => undefined)
    if (handle !== undefined) {
      try {
        await reader.read(handle)
      } finally {
        await handle.close()
      }
    }
    if (isLast) reader.finish()
    if (isFirst) {
      isFirst = false
      for (const line of first.splice(0)) onLine(line)
    }
    if (isLast) return
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** Remembers how far it has read, and in which file. */
function createLineReader(onLine: (line: string) => void) {
  let decoder = new StringDecoder('utf8')
  let inode = 0
  let position = 0
  let rest = ''

  const finish = (): void => {
    rest += decoder.end()
    if (rest !== '') onLine(rest)
    rest = ''
  }

  return {
    /** Gives what stands behind the last line end. */
    finish,
    async read(handle: FileHandle): Promise<void> {
      const { size, ino } = await handle.stat()
      if (ino !== inode || size < position) {
        finish()
        decoder = new StringDecoder('utf8')
        inode = ino
        position = 0
      }
      const buffer = Buffer.alloc(Math.min(readBytes, Math.max(size - position, 1)))
      while (position < size) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
        if (bytesRead === 0) return
        position += bytesRead
        const parts = (rest + decoder.write(buffer.subarray(0, bytesRead))).split('\n')
        rest = parts.pop() ?? ''
        for (const line of parts) onLine(line)
      }
    },
  }
}

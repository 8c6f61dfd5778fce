import { open } from 'node:fs/promises'

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
  let position = 0
  let rest = ''
  const first: string[] = []
  let isFirst = true
  const take = (line: string): void => {
    if (!isFirst) onLine(line)
    else if (first.push(line) > lines) first.shift()
  }

  for (;;) {
    const handle = await open(file, 'r').catch(() => undefined)
    if (handle !== undefined) {
      const { size } = await handle.stat()
      if (size < position) position = 0
      const buffer = Buffer.alloc(Math.min(readBytes, Math.max(size - position, 1)))
      while (position < size) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
        if (bytesRead === 0) break
        position += bytesRead
        const parts = (rest + buffer.toString('utf8', 0, bytesRead)).split('\n')
        rest = parts.pop() ?? ''
        for (const line of parts) take(line)
      }
      await handle.close()
    }
    if (isFirst) {
      isFirst = false
      for (const line of first.splice(0)) onLine(line)
    }
    if (until?.aborted !== false) return
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

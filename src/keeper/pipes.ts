import { execFile } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'

import { removeFile } from '../ground/removal.ts'

/**
 * The streams of a server whose keeper stands outside of its namespace: named pipes, so that only
 * the server holds their other ends. What stands around it would keep them open for it, and nobody
 * would hear that it has closed one.
 */
export interface Pipes {
  /** The server's ends are PREFIX.in, PREFIX.out and PREFIX.err. */
  prefix: string
}

/** Makes them ahead, some at a time: to start a program for it is what costs. */
export interface PipeMaker {
  take(): Promise<Pipes>
  /** Those that nobody has taken. */
  remove(): void
}

const endings = ['in', 'out', 'err'] as const

/** @param folder their names begin with the pid of this process, so that what is left of it is found */
export function createPipeMaker(folder: string, mkfifo: string, atOnce: number): PipeMaker {
  let made = 0
  let ready: string[] = []
  let making: Promise<void> | undefined

  const make = (): Promise<void> => {
    const prefixes = Array.from({ length: atOnce }, () => `${folder}/${process.pid}-${(made += 1)}`)
    const files = prefixes.flatMap((prefix) => endings.map((ending) => `${prefix}.${ending}`))
    return new Promise((resolve, reject) => {
      execFile(mkfifo, ['-m', '600', ...files], (error) => {
        making = undefined
        if (error !== null) {
          reject(new Error(`named pipes could not be made: ${error.message}`))
          return
        }
        ready.push(...prefixes)
        resolve()
      })
    })
  }
  const begin = (): Promise<void> => (making ??= make())
  begin().catch(() => undefined)

  return {
    async take() {
      while (ready.length === 0) await begin()
      const prefix = ready.shift() ?? ''
      return { prefix }
    },
    remove() {
      for (const prefix of ready) removePipes({ prefix })
      ready = []
    },
  }
}

export function removePipes({ prefix }: Pipes): void {
  for (const ending of endings) removeFile(`${prefix}.${ending}`)
}

/** To be read from before the server opens it to write. */
export function openReader({ prefix }: Pipes, ending: 'out' | 'err'): number {
  return openSync(`${prefix}.${ending}`, constants.O_RDONLY | constants.O_NONBLOCK)
}

/** @returns undefined as long as nobody has opened it to read */
export function openWriter({ prefix }: Pipes): number | undefined {
  try {
    return openSync(`${prefix}.in`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}

export const readFrom = (fd: number): Socket => new Socket({ fd, readable: true, writable: false })

export const writeTo = (fd: number): Socket => new Socket({ fd, readable: false, writable: true })

export function closeFd(fd: number | undefined): void {
  if (fd !== undefined) closeSync(fd)
}

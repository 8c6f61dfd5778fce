import { framesPath, framesProtocol } from '../ground/frames.ts'
import { createPile } from '../ground/pile.ts'
import type { Session } from '../sessions/session.ts'

/** The beginning of a connection to a keeper, which is HTTP: it asks for frames, and is let in. */
export interface Upgrade {
  readonly request: string
  isDone(): boolean
  /**
   * @returns what came behind the answer; undefined as long as that is not complete
   * @throws when the keeper refuses
   */
  read(bytes: Buffer): Buffer | undefined
}

const headAtMost = 4096
const headEnd = '\r\n\r\n'

export function createUpgrade({ headers }: Session['endpoint']): Upgrade {
  const came = createPile()
  let isDone = false
  const own = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return {
    request: `GET ${framesPath} HTTP/1.1\r\nHost: keeper\r\nConnection: Upgrade\r\nUpgrade: ${framesProtocol}\r\n${own.join('')}\r\n`,
    isDone: () => isDone,
    read(bytes) {
      came.add(Buffer.from(bytes))
      const all = came.take()
      const end = all.indexOf(headEnd)
      const head = all.toString('latin1', 0, end === -1 ? headAtMost : end)
      if (end === -1 && all.length < headAtMost) {
        came.add(all)
        return undefined
      }
      if (end === -1 || !/^HTTP\/1\.1 101 [^\r]*\r\n/.test(`${head}\r\n`)) {
        throw new Error(
          `The keeper speaks no frames with us: ${/^[ -~]{0,60}/.exec(head)?.[0] ?? ''}`,
        )
      }
      isDone = true
      return all.subarray(end + headEnd.length)
    },
  }
}

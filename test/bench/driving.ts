import { fork } from 'node:child_process'
import { once } from 'node:events'
import { compiled } from '../support/config.ts'
import { atEnd } from '../support/at-end.ts'
import type { Ask, Called } from './drive.ts'
import type { Bench } from './scope.ts'
import type { Arguments } from './worker.ts'

/** The process of clients, asked one thing at a time. */
export interface Clients {
  open(urls: string[]): Promise<Group>
}

/** Sessions that were opened together. */
export interface Group {
  call(what: { sessions: number; calls: number; args: Arguments }): Promise<Called>
  listen(): Promise<void>
  close(): Promise<void>
}

export function startClients(bench: Bench): Clients {
  const child = fork(compiled('test/bench/drive.js'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  atEnd(bench, async () => {
    if (child.connected) child.disconnect()
    await exited
  })

  async function ask(what: Ask): Promise<unknown> {
    child.send(what)
    const ended = new AbortController()
    const gone = once(child, 'exit', { signal: ended.signal }).then(() => {
      throw new Error('the process of clients has ended')
    })
    gone.catch(() => undefined)
    const answered = once(child, 'message', { signal: ended.signal })
    answered.catch(() => undefined)
    try {
      const [reply] = (await Promise.race([answered, gone])) as [
        { result?: unknown; error?: string },
      ]
      if (reply.error !== undefined) throw new Error(reply.error)
      return reply.result
    } finally {
      ended.abort()
    }
  }

  return {
    async open(urls) {
      const group = (await ask({ op: 'open', urls })) as number
      return {
        call: (what) => ask({ op: 'call', group, ...what }) as Promise<Called>,
        listen: () => ask({ op: 'listen', group }) as Promise<void>,
        close: () => ask({ op: 'close', group }) as Promise<void>,
      }
    },
  }
}

import type { Events, WorkerNews } from '../ground/events.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { SessionDirectories } from './directories.ts'
import { followOutput } from './output.ts'

/** Reads what each worker writes until it has ended, for a terminal. */
export function followWorkers(events: Events, directories: SessionDirectories): void {
  const following = new Map<string, AbortController>()
  const follow = ({ session, server, workerId, driver }: WorkerNews, lines: number): void => {
    if (following.has(workerId)) return
    const until = new AbortController()
    following.set(workerId, until)
    const followed = followOutput({
      file: directories.of(session).outputFile,
      lines,
      until: until.signal,
      onLine: (line) => events.emit('worker.output', { session, server, workerId, driver, line }),
    })
    inBackground(followed, tellFault('following output', { session, server }))
  }
  events.on('worker.started', (news) => follow(news, 1000))
  // What it wrote before was another gateway's to show.
  events.on('worker.attached', (news) => follow(news, 0))
  events.on('worker.exited', ({ workerId }) => {
    following.get(workerId)?.abort()
    following.delete(workerId)
  })
}

/** One event of a stream, whole. */
export interface WholeEvent {
  data: string
  id: string | undefined
}

/** As long as a line of a keeper may be. */
const mostBytes = 32 * 1024 * 1024

/**
 * Reads server-sent events that are not passed on as they come, but looked into, each as a whole.
 *
 * @param onEvent is told of those that have data or an id
 * @returns takes the next bytes; false once an event is longer than can be held
 */
export function createWholeEvents(
  onEvent: (event: WholeEvent) => void,
): (bytes: Buffer) => boolean {
  /** Parts of a line that has not ended, so that a long one is not copied with each chunk. */
  let pending: string[] = []
  let data: string[] = []
  let id: string | undefined
  let held = 0

  const readLine = (line: string): void => {
    if (line === '') {
      if (data.length > 0 || id !== undefined) {
        const said = data.length === 1 ? (data[0] ?? '') : data.join('\n')
        onEvent({ data: decoded(said), id })
      }
      data = []
      id = undefined
      held = 0
    } else if (line.startsWith('data:')) {
      data.push(line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5))
    } else if (line.startsWith('id:')) {
      id = line.slice(line.charCodeAt(3) === 0x20 ? 4 : 3)
    }
  }

  return (bytes) => {
    const text = bytes.toString('latin1')
    held += text.length
    if (held > mostBytes) return false
    let from = 0
    for (let to = text.indexOf('\n'); to !== -1; to = text.indexOf('\n', from)) {
      pending.push(text.slice(from, to))
      const line = pending.length === 1 ? (pending[0] ?? '') : pending.join('')
      pending = []
      readLine(line.endsWith('\r') ? line.slice(0, -1) : line)
      from = to + 1
    }
    if (from < text.length) pending.push(text.slice(from))
    return true
  }
}

/** Most of what servers send is ASCII, for which the bytes are the text. */
const decoded = (bytes: string): string =>
  /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes

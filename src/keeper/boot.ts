import { guarded, tellFault } from '../ground/guarded.ts'
import { parseJson } from '../ground/json.ts'

/** Each line of stdin, and then its end, which is that of the gateway. */
export function readBoots(onGone: () => void, onLine: (line: string) => void): void {
  let text = ''
  process.stdin.setEncoding('utf8')
  process.stdin.on(
    'data',
    guarded((chunk: string) => {
      text += chunk
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n')) {
        const line = text.slice(0, at)
        text = text.slice(at + 1)
        onLine(line)
      }
    }, tellFault('reading what to keep')),
  )
  process.stdin.on('end', onGone)
}

/** It is trusted, and what it writes is as long as it has to be. */
export function fromGateway(json: string): unknown {
  const read = parseJson(json, Infinity)
  if (!read.ok) throw new Error('The gateway has sent what is no JSON.')
  return read.value
}

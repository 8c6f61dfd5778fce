import { parseJson } from '../ground/json.ts'

/** The first line of stdin; what matters afterwards is its end, which is that of the gateway. */
export function readBoot(onGone: () => void, onLine: (line: string) => void): void {
  let text = ''
  let booted = false
  process.stdin.setEncoding('utf8')
  process.stdin.on('data', (chunk: string) => {
    if (booted) return
    text += chunk
    const at = text.indexOf('\n')
    if (at === -1) return
    booted = true
    onLine(text.slice(0, at))
  })
  process.stdin.on('end', onGone)
}

/** It is trusted, and what it writes is as long as it has to be. */
export function fromGateway(json: string): unknown {
  const read = parseJson(json, Infinity)
  if (!read.ok) throw new Error('The gateway has sent what is no JSON.')
  return read.value
}

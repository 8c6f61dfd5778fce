import type { Carrier } from './carrier.ts'

/** How a request was answered that only looks. */
export interface Knocked {
  /** 0 if it was not. */
  status: number
  /** The body of a refusal, without the id that was used. */
  said: string
}

/** In whose name it is sent, and with which id, where not the session's own. */
export interface KnockedAs {
  headers?: Record<string, string>
  id?: string | undefined
}

const saidBytes = 65_536

/** Sends requests that only look whether an id is known. */
export function createKnock({
  carrier,
  headers,
  own,
  timeoutMs,
}: {
  carrier: Carrier
  /** Of every request of the session. */
  headers: () => Record<string, string>
  /** Those of them that say who the client is. */
  own: Record<string, string>
  timeoutMs: number
}): (method: 'POST' | 'GET', as: KnockedAs) => Promise<Knocked> {
  return async (method, { headers: others = own, id }) => {
    const common = { ...headers() }
    for (const name of Object.keys(own)) Reflect.deleteProperty(common, name)
    const message = { jsonrpc: '2.0', id: 0, method: 'ping' }
    const chunks: Buffer[] = []
    let size = 0
    let answered: (status: number) => void = () => undefined
    const head = new Promise<number>((resolve) => (answered = resolve))
    const { done, drop } = carrier.carry({
      method,
      headers: {
        ...common,
        ...(id !== undefined && { 'mcp-session-id': id }),
        ...others,
        ...(method === 'GET' && { accept: 'text/event-stream' }),
      },
      ...(method === 'POST' && { message }),
      where: `answer to a ${method} that only looks`,
      onHead: (status) => answered(status),
      onData(chunk) {
        size += chunk.length
        if (size <= saidBytes) chunks.push(chunk)
      },
    })
    void done.then(({ status }) => answered(status))
    const timer = setTimeout(drop, timeoutMs)
    const status = await head
    // A stream that is served has no end.
    if (status >= 300) await done
    clearTimeout(timer)
    drop()
    const said = Buffer.concat(chunks).toString()
    return { status, said: id === undefined ? said : said.replaceAll(id, 'ID') }
  }
}

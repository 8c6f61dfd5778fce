import { isLoopback as isLoopbackName } from '../ground/loopback.ts'
import { whyUnreached } from '../ground/unreached.ts'
import { aside } from './drive/aside.ts'

/** A tool as `tools/list` has it. */
export interface ListedTool {
  name: string
  description?: string
  inputSchema?: Record<string, unknown>
}

/** What the load test needs of a server whose sessions it takes through every channel. */
const probeTools = ['echo', 'keep', 'recall', 'ask', 'sample', 'report', 'announce']
const pagesAtMost = 50
const answerMs = 120_000
/** What may help, by what came instead of a session. */
const hints: Record<string, string> = {
  'http 401':
    " It wants a token that is good there: --header 'Authorization: Bearer …', or --users N.",
  'http 404': ' A Berth with several servers has each at /servers/NAME/mcp.',
  'no answer in the response': ' Is that an MCP endpoint? Most are at /mcp.',
  ECONNREFUSED: ' Start it first, or name the right URL.',
}
const redirects = ' It redirects: name the URL that it redirects to, which curl -i shows.'

export const isProbe = (tools: readonly ListedTool[]): boolean =>
  probeTools.every((name) => tools.some((tool) => tool.name === name))

/** Whether an address cannot leave this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return isLoopbackName(hostname) || /.\.localhost$/.test(hostname)
}

export function refusalOf(url: URL): string {
  return (
    `${url.host} is not on this machine. Hundreds of sessions at once are an attack on whoever has ` +
    'not asked for them, so that only targets on loopback are tested. If this one is yours, say so ' +
    'with --i-own-this-target.'
  )
}

/** Opens one session to see what is there. @throws an error whose message says what came instead */
export async function toolsOf(url: URL, headers: Record<string, string>): Promise<ListedTool[]> {
  return aside({ url, headers, timeoutMs: answerMs, sessions: 1 }, async ([session]) => {
    const opened = await session.open()
    if (!opened.ok) {
      const { code } = opened
      const why = whyUnreached({ code }, url) ?? code
      const hint = hints[code] ?? (/^http 30/.test(code) ? redirects : '')
      throw new Error(`${url.href} does not open a session: ${why}.${hint}`)
    }
    const tools: ListedTool[] = []
    let cursor: string | undefined
    for (let page = 0; page < pagesAtMost; page += 1) {
      const params = cursor === undefined ? {} : { cursor }
      const listed = await session.request('tools/list', params).outcome
      if (!listed.ok) throw new Error(`${url.href} does not list its tools: ${listed.code}.`)
      const found = listed.result as { tools: ListedTool[]; nextCursor?: string }
      tools.push(...found.tools)
      cursor = found.nextCursor
      if (cursor === undefined) break
    }
    return tools
  })
}

import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import type { RawRequest, RawResponse } from '../support/raw-http.ts'
import { rawRequest } from '../support/raw-http.ts'
import { runtimeSession } from './rig.ts'

export const agentProgram = compiled('test/fixtures/workers/agent.js')

/** An agent that speaks no MCP. */
export const agentServer: TestServer = {
  command: ['node', agentProgram],
  http: true,
  protocol: 'http',
}

/** What the agent says of one invocation. */
export interface Told {
  /** Which worker it is. */
  me: string
  key?: string
  /** How many invocations it has had. */
  count: number
  body: string
  headers: Record<string, string | undefined>
}

/** POSTs to an agent, in the session of this name. */
export function invokeRaw(
  url: string,
  body: unknown,
  name?: string,
  { headers, ...more }: RawRequest = {},
): Promise<RawResponse> {
  return rawRequest(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', [runtimeSession]: name, ...headers },
    ...more,
  })
}

export async function invoke(url: string, body: unknown, name?: string): Promise<Told> {
  const answer = await invokeRaw(url, body, name)
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`)
  return answer.json<Told>()
}

import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client'
import type { VersionNegotiationMode } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ProgressNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type {
  CallToolResult,
  CreateMessageRequest,
  CreateMessageResult,
  ElicitRequest,
  ElicitResult,
  Progress,
  ProgressNotification,
  ProgressToken,
  Root,
} from '@modelcontextprotocol/sdk/types.js'
import { atEnd } from './at-end.ts'
import { longEnoughMs } from './patience.ts'
import type { Owner } from './temp.ts'

type Promised<T> = Promise<T> | T

export interface ConnectOptions {
  /** Answers questions, form or URL; without it the client does not say that it can. */
  elicitation?: (params: ElicitRequest['params']) => Promised<ElicitResult>
  /** Answers for a model; a string is taken as its text. */
  sampling?: (params: CreateMessageRequest['params']) => Promised<CreateMessageResult | string>
  roots?: Root[]
  /** Sees the progress of every `call`; with it each call sends a progress token. */
  onProgress?: (progress: Progress) => void
  headers?: Record<string, string>
  /** The id of a session that is open already: nothing is initialized. v1 only. */
  sessionId?: string
  /** Goes on trying to resume for as long as a gateway may take to start on a busy machine. v1 only. */
  isPatient?: boolean
}

export interface CallOptions {
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
  /** Default: long enough. */
  timeoutMs?: number
}

export interface Connected<C, T> {
  client: C
  transport: T
  /** As the client holds it now; a client takes over whatever id a response carries. */
  readonly sessionId: string | undefined
  /** Calls a tool and gives its result, one that says `isError` included. */
  call: (
    name: string,
    args?: Record<string, unknown>,
    options?: CallOptions,
  ) => Promise<CallToolResult>
  /** Sends DELETE for the session, which closing alone does not. */
  terminate: () => Promise<void>
}

/** The client's own would give up after 2.5 s. */
const patience = {
  initialReconnectionDelay: 200,
  maxReconnectionDelay: 1000,
  reconnectionDelayGrowFactor: 1.5,
  maxRetries: 30,
}

const about = { name: 'berth-tests', version: '0' }

/** The official client (SDK v1), connected over Streamable HTTP and closed after the test. */
export async function connectClient(
  t: Owner,
  url: string | URL,
  options: ConnectOptions = {},
): Promise<Connected<Client, StreamableHTTPClientTransport>> {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: options.headers ?? {} },
    ...(options.sessionId === undefined ? {} : { sessionId: options.sessionId }),
    ...(options.isPatient === true ? { reconnectionOptions: patience } : {}),
  })
  const { client, call } = await connectTransport(t, transport, options)
  return connected(client, transport, call)
}

/** The official client (SDK v1) over any transport, stdio for one, closed after the test. */
export async function connectTransport(
  t: Owner,
  transport: Transport,
  options: ConnectOptions = {},
): Promise<Pick<Connected<Client, Transport>, 'client' | 'call'>> {
  const client = new Client(about, { capabilities: capabilitiesOf(options) })
  const { elicitation, sampling, roots } = options
  if (elicitation)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => elicitation(params))
  if (sampling) {
    client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) =>
      spoken(await sampling(params)),
    )
  }
  if (roots) client.setRequestHandler(ListRootsRequestSchema, () => ({ roots }))
  const progress = createProgress(options)
  client.setNotificationHandler(ProgressNotificationSchema, progress.take)
  atEnd(t, () => client.close())
  await client.connect(transport)
  return {
    client,
    call: async (name, args = {}, callOptions = {}) =>
      (await client.callTool(
        { name, arguments: args, ...progress.follow(callOptions) },
        undefined,
        requestOptions(callOptions),
      )) as CallToolResult,
  }
}

export interface ConnectV2Options extends ConnectOptions {
  /** How the era is found; the v2 client's own default is `legacy`. */
  mode?: VersionNegotiationMode
}

/** The client of the v2 SDK; `client.getProtocolEra()` tells what was negotiated. */
export async function connectV2(
  t: Owner,
  url: string | URL,
  options: ConnectV2Options = {},
): Promise<Connected<ClientV2, TransportV2>> {
  const client = new ClientV2(about, {
    capabilities: capabilitiesOf(options),
    versionNegotiation: { mode: options.mode ?? 'legacy' },
  })
  const { elicitation, sampling, roots } = options
  if (elicitation) {
    client.setRequestHandler('elicitation/create', ({ params }) => elicitation(params))
  }
  if (sampling) {
    client.setRequestHandler('sampling/createMessage', async ({ params }) =>
      spoken(await sampling(params as CreateMessageRequest['params'])),
    )
  }
  if (roots) client.setRequestHandler('roots/list', () => ({ roots }))
  const transport = new TransportV2(new URL(url), {
    requestInit: { headers: options.headers ?? {} },
  })
  const progress = createProgress(options)
  client.setNotificationHandler('notifications/progress', progress.take)
  atEnd(t, () => client.close())
  await client.connect(transport)
  return connected(
    client,
    transport,
    async (name, args = {}, callOptions = {}) =>
      (await client.callTool(
        { name, arguments: args, ...progress.follow(callOptions) },
        requestOptions(callOptions),
      )) as CallToolResult,
  )
}

/** The text of a tool's result, for assertions. */
export function textOf(result: CallToolResult): string {
  return result.content.map((block) => (block.type === 'text' ? block.text : block.type)).join('\n')
}

function capabilitiesOf(options: ConnectOptions) {
  return {
    ...(options.elicitation ? { elicitation: { form: {}, url: {} } } : {}),
    ...(options.sampling ? { sampling: {} } : {}),
    ...(options.roots ? { roots: { listChanged: true } } : {}),
  }
}

function spoken(answer: CreateMessageResult | string): CreateMessageResult {
  if (typeof answer !== 'string') return answer
  return { role: 'assistant', model: 'test', content: { type: 'text', text: answer } }
}

function requestOptions({ timeoutMs = longEnoughMs, signal }: CallOptions) {
  return { timeout: timeoutMs, ...(signal ? { signal } : {}) }
}

/**
 * Progress by tokens of our own. The SDK forgets its token as soon as it has read the response,
 * but calls its handler a turn after it has read the progress: what comes in one chunk with the
 * response is lost to `onprogress` (measured with v1.32 over stdio).
 */
function createProgress({ onProgress }: ConnectOptions) {
  const followers = new Map<ProgressToken, (progress: Progress) => void>()
  return {
    take: ({ params: { progressToken, ...progress } }: ProgressNotification): void => {
      followers.get(progressToken)?.(progress)
    },
    follow: (call: CallOptions) => {
      const follower = call.onProgress ?? onProgress
      if (follower === undefined) return {}
      const progressToken = `progress-${followers.size}`
      followers.set(progressToken, follower)
      return { _meta: { progressToken } }
    },
  }
}

interface HttpTransport {
  readonly sessionId?: string | undefined
  terminateSession(): Promise<void>
}

function connected<C, T extends HttpTransport>(
  client: C,
  transport: T,
  call: Connected<C, T>['call'],
): Connected<C, T> {
  return {
    client,
    transport,
    call,
    get sessionId() {
      return transport.sessionId
    },
    terminate: () => transport.terminateSession(),
  }
}

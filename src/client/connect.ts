import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CreateMessageRequestSchema,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/sdk/types.js'
import type {
  CreateMessageRequest,
  CreateMessageResult,
  ElicitResult,
  JSONRPCRequest,
  Progress,
  ServerCapabilities,
} from '@modelcontextprotocol/sdk/types.js'

import { version } from '../ground/version.ts'
import { boundedValidator } from './bounded.ts'
import { createLink } from './link.ts'
import type { HttpFailure } from './link.ts'
import type { Patience } from './patience.ts'
import { createPatience } from './patience.ts'
import { withOwnIds } from './request-ids.ts'
import { createWithdrawals } from './withdrawals.ts'

/** A question of the server to the user: a form to fill in, or a page to visit. */
export type Elicitation =
  | { mode: 'form'; message: string; requestedSchema: unknown }
  | { mode: 'url'; message: string; url: URL }

export type SamplingRequest = CreateMessageRequest['params']

/** Answers what a server asks while it serves a request. `signal`: the answer is not wanted now. */
export interface Handlers {
  elicit(question: Elicitation, signal: AbortSignal): Promise<ElicitResult>
  sample(request: SamplingRequest, signal: AbortSignal): Promise<CreateMessageResult>
  notified(method: string, params: Record<string, unknown>): void
}

export interface ConnectOptions {
  headers?: Record<string, string>
  /**
   * How long the server may say nothing while a request is open; the time that a question waits
   * for its answer does not count. 0: for ever.
   */
  silenceMs?: number
  /** Ends every open request. */
  signal?: AbortSignal
  /** Goes on with a session that is open already: nothing is initialized. */
  session?: { id: string; agreed: Agreed | undefined }
  /** The server does not know the session any more. */
  onGone?(failure: HttpFailure): void
  /** Tries for minutes, not for seconds, to get a stream back whose connection broke. */
  isPatient?: boolean
}

/** What was agreed on when a session was opened, and holds for all of its life. */
export interface Agreed {
  protocolVersion: string
  capabilities: ServerCapabilities
  server: { name: string; version: string; title?: string | undefined }
}

/** An open MCP session, seen from the client. */
export interface Connection {
  readonly client: Client
  readonly serverName: string
  readonly sessionId: string | undefined
  /** Undefined in a session that was opened elsewhere, if nobody here has kept it in mind. */
  readonly agreed: Agreed | undefined
  /** Whether the server offers this, as far as is known. */
  offers(capability: keyof ServerCapabilities): boolean
  /**
   * Runs one request of `client` with the options that it hands over.
   *
   * @param stop ends this request alone, and the server is told that it is cancelled
   * @throws LinkLost when the connection broke, Silence when the server said nothing for too
   *   long, and what the request itself throws.
   */
  request: <T>(
    run: (options: RequestOptions) => Promise<T>,
    onprogress?: (progress: Progress) => void,
    stop?: AbortSignal,
  ) => Promise<T>
  /** Ends the session with DELETE and closes the connection. Never throws. */
  end(): Promise<void>
  /** Closes the connection and leaves the session behind. */
  leave(): Promise<void>
}

/** The server has chosen a version of MCP that this client does not know. */
export class WrongVersion extends Error {
  constructor(version: string) {
    super(
      `The server speaks version ${version} of MCP, and this client speaks ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')}`,
    )
    this.name = 'WrongVersion'
  }
}

/** Goes over the wire as it is; the SDK's own error class puts a prefix before the message. */
export class RpcFailure extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'RpcFailure'
    this.code = code
  }
}

// The SDK always wants a limit; this is the longest that a timer can be set to.
const noLimitMs = 2 ** 31 - 1
const endMs = 2000
// About ten minutes.
const patientReconnection = {
  initialReconnectionDelay: 1000,
  reconnectionDelayGrowFactor: 1.5,
  maxReconnectionDelay: 15_000,
  maxRetries: 45,
}

/** Opens a session: the official client, able to answer elicitation (form, url) and sampling. */
export async function connect(
  url: URL,
  handlers: Handlers,
  options: ConnectOptions = {},
): Promise<Connection> {
  const { headers = {}, silenceMs = 0, signal, session } = options
  const open = new Set<Patience>()
  const link = createLink((lost) => {
    for (const patience of open) patience.end(lost)
  }, options.onGone)
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers },
    fetch: link.fetch,
    ...(session !== undefined && { sessionId: session.id }),
    ...(options.isPatient === true && { reconnectionOptions: patientReconnection }),
  })
  const withdrawals = createWithdrawals()
  transport.onmessage = (message) => {
    link.heard(message)
    for (const patience of open) patience.heard()
    withdrawals.heard(message)
    const version = strangeVersionIn(message)
    if (version === undefined) return
    for (const patience of open) patience.end(new WrongVersion(version))
  }
  const client = new Client(
    { name: 'mcp-berth', title: 'Berth', version: version() },
    {
      capabilities: { elicitation: { form: {}, url: {} }, sampling: {} },
      jsonSchemaValidator: boundedValidator,
    },
  )
  // Not setRequestHandler: it drops what the SDK's own schemas do not know (`pattern` of a
  // string, for one), and people are to be asked for what the server really wants.
  client.fallbackRequestHandler = async (message, extra) => {
    const waiting = [...open]
    for (const patience of waiting) patience.hold()
    const signal = AbortSignal.any([extra.signal, withdrawals.signalOf(message.id)])
    try {
      signal.throwIfAborted()
      return await answer(message, handlers, signal)
    } finally {
      withdrawals.forget(message.id)
      for (const patience of waiting) patience.release()
    }
  }
  client.fallbackNotificationHandler = ({ method, params = {} }) => {
    handlers.notified(method, params)
    return Promise.resolve()
  }

  async function request<T>(
    run: (options: RequestOptions) => Promise<T>,
    onprogress?: (progress: Progress) => void,
    stop?: AbortSignal,
  ): Promise<T> {
    const stops = [signal, stop].filter((one) => one !== undefined)
    const patience = createPatience(silenceMs, AbortSignal.any(stops))
    open.add(patience)
    try {
      return await run({
        signal: patience.signal,
        timeout: noLimitMs,
        ...(onprogress && { onprogress }),
      })
    } catch (error) {
      // The SDK wraps the reason of an abort in an error of its own.
      throw patience.signal.aborted ? patience.signal.reason : error
    } finally {
      open.delete(patience)
      patience.stop()
    }
  }

  const wire = transport as Transport
  if (session === undefined) {
    await request((sent) => client.connect(wire, sent))
  } else {
    await client.connect(withOwnIds(wire))
    // Without the header a server goes by what was agreed on.
    if (session.agreed !== undefined) transport.setProtocolVersion(session.agreed.protocolVersion)
    // As after `initialize`: a server need not have a stream of its own, and is not waited for.
    void transport.resumeStream('').catch(() => undefined)
  }
  const agreed = session === undefined ? agreedBy(client, transport) : session.agreed
  return {
    client,
    serverName: agreed?.server.name ?? url.host,
    get sessionId() {
      return transport.sessionId
    },
    agreed,
    offers: (capability) => agreed === undefined || agreed.capabilities[capability] !== undefined,
    request,
    async end() {
      const late = new Promise<void>((resolve) => setTimeout(resolve, endMs).unref())
      // A session that cannot be ended any more is ended.
      await Promise.race([transport.terminateSession().catch(() => undefined), late])
      await client.close()
    },
    leave: () => client.close(),
  }
}

function agreedBy(client: Client, transport: StreamableHTTPClientTransport): Agreed | undefined {
  const { protocolVersion } = transport
  const server = client.getServerVersion()
  const capabilities = client.getServerCapabilities()
  if (protocolVersion === undefined || !server || !capabilities) return undefined
  const { name, version, title } = server
  return { protocolVersion, capabilities, server: { name, version, title } }
}

/** Of an answer to `initialize`; the SDK would say no more of it than that it is not supported. */
function strangeVersionIn(message: unknown): string | undefined {
  const { result } = message as { result?: { protocolVersion?: unknown } }
  const version = result?.protocolVersion
  if (typeof version !== 'string' || SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return undefined
  return version
}

async function answer(
  { method, params = {} }: JSONRPCRequest,
  handlers: Handlers,
  signal: AbortSignal,
): Promise<ElicitResult | CreateMessageResult> {
  switch (method) {
    case 'elicitation/create':
      return handlers.elicit(elicitationIn(params), signal)
    case 'sampling/createMessage': {
      const read = CreateMessageRequestSchema.safeParse({ method, params })
      if (!read.success) throw new RpcFailure(-32602, 'The sampling request is not valid')
      return handlers.sample(read.data.params, signal)
    }
    default:
      throw new RpcFailure(-32601, 'Method not found')
  }
}

function elicitationIn(params: Record<string, unknown>): Elicitation {
  const { mode = 'form', message, requestedSchema, url } = params
  if (typeof message !== 'string') throw new RpcFailure(-32602, 'The question has no message')
  if (mode === 'form') {
    const isForm = typeof requestedSchema === 'object' && requestedSchema !== null
    if (!isForm) throw new RpcFailure(-32602, 'The question has no requestedSchema')
    return { mode, message, requestedSchema }
  }
  if (mode === 'url' && typeof url === 'string' && URL.canParse(url)) {
    return { mode, message, url: new URL(url) }
  }
  throw new RpcFailure(-32602, `A question of mode ${String(mode)} like this cannot be asked`)
}

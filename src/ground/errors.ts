/**
 * Every error that Berth can answer with. The code is public and stable; the message is not.
 *
 * `fault` says who can mend it. Faults of an upstream (a worker) are 502, 503 or 504, never 500.
 * Below 500 the client is shown the message; from 500 on only the code and the request id
 * (`replies.ts` decides). `{name}` is filled from the `params` of the GatewayError. No token,
 * header value or environment value may ever be a param.
 */
export interface ErrorEntry {
  readonly statusCode: number
  /** JSON-RPC error code; -32000 and -32001 are what MCP SDK servers use on the legacy era. */
  readonly rpcCode: number
  readonly fault: 'client' | 'operator' | 'gateway' | 'worker'
  /** Whether the same request may succeed later without a change. */
  readonly retry: boolean
  readonly message: string
}

const entry = (
  statusCode: number,
  rpcCode: number,
  fault: ErrorEntry['fault'],
  retry: boolean,
  message: string,
): ErrorEntry => ({ statusCode, rpcCode, fault, retry, message })

export const catalogue = {
  // prettier-ignore
  ERR_PROXY_NOT_JSON: entry(400, -32700, 'client', false, 'The body is not valid JSON. Send one JSON-RPC message per POST.'),
  // prettier-ignore
  ERR_PROXY_NOT_RPC: entry(400, -32600, 'client', false, 'The body is not a JSON-RPC 2.0 message.'),
  // prettier-ignore
  ERR_PROXY_TOO_INTRICATE: entry(400, -32600, 'client', false, 'The body has too many parts to be looked through. Send fewer messages in a batch, and large data as one string.'),
  // prettier-ignore
  ERR_PROXY_BODY_TOO_LARGE: entry(413, -32600, 'client', false, 'The body is larger than {limitBytes} bytes ({key}).'),
  // prettier-ignore
  ERR_PROXY_BODY_CUT: entry(400, -32700, 'client', true, 'The connection was closed before the whole body had come.'),
  // prettier-ignore
  ERR_PROXY_BODIES_FULL: entry(503, -32000, 'operator', true, 'The gateway is receiving as many long messages as it can hold.'),
  // prettier-ignore
  ERR_PROXY_CALLER_BODIES_FULL: entry(429, -32000, 'client', true, 'You are sending more than {limit} at once. Wait for one of your long messages to be answered.'),
  // prettier-ignore
  ERR_PROXY_CONTENT_TYPE: entry(415, -32600, 'client', false, 'Send the message with Content-Type: application/json.'),
  // prettier-ignore
  ERR_PROXY_CONTENT_ENCODING: entry(415, -32600, 'client', false, 'Send the message uncompressed, without Content-Encoding.'),
  // prettier-ignore
  ERR_PROXY_ACCEPT_POST: entry(406, -32000, 'client', false, 'Not Acceptable: a POST must accept both application/json and text/event-stream.'),
  // prettier-ignore
  ERR_PROXY_ACCEPT_GET: entry(406, -32000, 'client', false, 'Not Acceptable: a GET must accept text/event-stream.'),
  // prettier-ignore
  ERR_PROXY_ID_REQUIRED: entry(400, -32000, 'client', false, 'Bad Request: no Mcp-Session-Id. Open a session with initialize first.{versions}'),
  // prettier-ignore
  ERR_PROXY_GET_WITHOUT_ID: entry(405, -32000, 'client', false, 'Method Not Allowed: a GET stream needs the Mcp-Session-Id of an open session.'),
  // prettier-ignore
  ERR_PROXY_METHOD: entry(405, -32000, 'client', false, 'Method Not Allowed: use POST, GET or DELETE.'),
  // prettier-ignore
  ERR_PROXY_POST_ONLY: entry(405, -32000, 'client', false, 'Method Not Allowed: use POST.'),
  // prettier-ignore
  ERR_PROXY_OTHER_PROTOCOL: entry(404, -32000, 'client', false, 'The server {server} speaks {speaks} (protocol: {protocol}); it is at {path}.'),
  // prettier-ignore
  ERR_PROXY_TWO_HOSTS: entry(400, -32600, 'client', false, 'Bad Request: there is more than one Host header. Send one.'),
  // prettier-ignore
  ERR_PROXY_TWO_IDS: entry(400, -32600, 'client', false, 'Bad Request: there is more than one Mcp-Session-Id header. Send one.'),
  // prettier-ignore
  ERR_PROXY_HOST: entry(403, -32000, 'client', false, 'Forbidden: the Host header does not name this gateway. If the name is right, set listen.publicUrl or listen.allowedHosts.'),
  // prettier-ignore
  ERR_PROXY_ORIGIN: entry(403, -32000, 'client', false, 'Forbidden: the Origin is not allowed. Add it to listen.allowedOrigins.'),
  // prettier-ignore
  ERR_PROXY_UNKNOWN_BUNDLE: entry(404, -32000, 'client', false, 'There is no bundle {bundle} here.{hint}'),
  // prettier-ignore
  ERR_BUNDLE_MEMBER_LOST: entry(409, -32001, 'worker', true, 'The session of {server} ended before it had answered, and what the server kept in it is gone. The next call opens a new one.'),
  // prettier-ignore
  ERR_BUNDLE_MEMBER_ENDED: entry(409, -32001, 'client', true, 'The session of {server} had ended ({reason}), and what the server kept in it is gone. A new one is open: call again.'),
  // prettier-ignore
  ERR_PROXY_NO_NAME: entry(200, -32602, 'client', false, 'Unknown {what}: {name}'),
  // prettier-ignore
  ERR_PROXY_NO_RESOURCE: entry(200, -32002, 'client', false, 'Resource not found: {name}'),
  // prettier-ignore
  ERR_PROXY_AMBIGUOUS: entry(400, -32600, 'client', false, 'What this message asks for might be read in two ways. Write each member once, in UTF-8, and Mcp-Method and Mcp-Name as in the body.'),
  // prettier-ignore
  ERR_PROXY_WORKER_UNREADABLE: entry(502, -32603, 'worker', false, 'The answer is compressed or no JSON, or a list in it is longer than 4 MiB or 10 000 entries, so that what its caller may not use cannot be left out of it.'),
  // prettier-ignore
  ERR_PROXY_UNKNOWN_SERVER: entry(404, -32000, 'client', false, 'There is no server {server} here.{hint}'),
  // prettier-ignore
  ERR_PROXY_NOT_FOUND: entry(404, -32000, 'client', false, 'There is nothing at this path. MCP servers are at /servers/NAME/mcp, agents with protocol: http at /servers/NAME/invocations.{hint}'),
  // prettier-ignore
  ERR_PROXY_TOO_MANY_STREAMS: entry(429, -32000, 'client', true, 'This session has {limit} GET streams open already. Close one before you open another.'),
  // prettier-ignore
  ERR_PROXY_TOO_MANY_EXCHANGES: entry(429, -32000, 'client', true, 'This session has {limit} requests in progress already. Wait for one to be answered.'),
  // prettier-ignore
  ERR_PROXY_ID_IN_USE: entry(400, -32600, 'client', false, 'The request with the id {id} is not answered yet. Give each request of a session an id of its own.'),
  // prettier-ignore
  ERR_PROXY_WORKER_UNREACHABLE: entry(502, -32603, 'worker', false, 'The worker of this session could not be reached{why}.'),
  // prettier-ignore
  ERR_PROXY_WORKER_CUT: entry(502, -32603, 'worker', false, 'The worker closed the connection before it had answered.'),
  // prettier-ignore
  ERR_PROXY_READ_TOO_SLOWLY: entry(408, -32000, 'client', true, 'The stream was cut, because its client took nothing of it for a while. Resume it with Last-Event-ID, as far as it is kept, or call again, and read as it comes.'),
  // prettier-ignore
  ERR_PROXY_HEADER_TOO_LARGE: entry(431, -32600, 'client', false, 'The header {name} is larger than {limitBytes} bytes; the server gets no longer ones (requestHeaderAllowlist).'),
  // prettier-ignore
  ERR_PROXY_HEAD_TOO_LARGE: entry(431, -32600, 'client', false, 'The headers are larger than {limitBytes} bytes.'),
  // prettier-ignore
  ERR_PROXY_REQUEST_TIMEOUT: entry(408, -32600, 'client', true, 'The request did not come in time.'),
  // prettier-ignore
  ERR_PROXY_EXPECT: entry(417, -32600, 'client', false, 'Expectation Failed: of Expect only 100-continue is understood. Leave the header out.'),
  // prettier-ignore
  ERR_PROXY_NO_REQUEST: entry(400, -32600, 'client', false, 'This is no HTTP/1.1 request.'),
  // prettier-ignore
  ERR_PROXY_TIME_IS_UP: entry(504, -32603, 'worker', false, 'It took longer than {limitMs} ms ({key}).'),
  // prettier-ignore
  ERR_PROXY_INTERNAL: entry(500, -32603, 'gateway', false, 'The gateway failed.'),
  // prettier-ignore
  ERR_SESSIONS_NOT_FOUND: entry(404, -32001, 'client', false, 'Session not found. Open a new one with initialize.'),
  // prettier-ignore
  ERR_SESSIONS_ENDED: entry(502, -32001, 'worker', false, 'The session ended ({reason}) before this request was answered. Open a new one with initialize.'),
  // prettier-ignore
  ERR_SESSIONS_PRINCIPAL_FULL: entry(429, -32000, 'client', true, 'You have {limit} sessions open, each with a request in progress. End one and try again.'),
  // prettier-ignore
  ERR_SESSIONS_FULL: entry(503, -32000, 'operator', true, 'The gateway has no room for another session (maxSessions).'),
  // prettier-ignore
  ERR_SESSIONS_QUOTA_SESSIONS: entry(429, -32000, 'client', true, '{who} may have {limit} sessions at a time ({quota}). End one and try again.'),
  // prettier-ignore
  ERR_SESSIONS_QUOTA_STARTS: entry(429, -32000, 'client', true, '{who} may start {limit} sessions a minute ({quota}). Try again when the minute is over.'),
  // prettier-ignore
  ERR_SESSIONS_QUOTA_CALLS: entry(429, -32000, 'client', true, '{who} may make {limit} calls a minute ({quota}). Try again when the minute is over.'),
  // prettier-ignore
  ERR_SESSIONS_QUOTA_IN_PROGRESS: entry(429, -32000, 'client', true, '{who} may have {limit} calls in progress ({quota}). Wait for one to be answered.'),
  // prettier-ignore
  ERR_SESSIONS_QUEUE_FULL: entry(503, -32000, 'operator', true, 'Too many sessions are starting (maxQueued).'),
  // prettier-ignore
  ERR_SESSIONS_DRAINING: entry(503, -32000, 'operator', true, 'The gateway is shutting down and opens no new sessions.'),
  // prettier-ignore
  ERR_SESSIONS_STORE: entry(503, -32000, 'operator', true, 'The store of sessions cannot be used now. Sessions that are open go on; try again.'),
  // prettier-ignore
  ERR_SESSIONS_ELSEWHERE: entry(503, -32000, 'operator', true, 'This session runs on another host. Let the balancer send its requests to a gateway of that host.'),
  // prettier-ignore
  ERR_SESSIONS_LEAVING: entry(503, -32001, 'operator', true, 'This gateway is being restarted. The session goes on, but the answer to this request is lost.'),
  // prettier-ignore
  ERR_SESSIONS_ABANDONED: entry(499, -32000, 'client', false, 'The client went away before its session was open.'),
  // prettier-ignore
  ERR_WORKERS_SPAWN: entry(502, -32603, 'operator', false, 'The command {command} could not be started: {why}.'),
  // prettier-ignore
  ERR_WORKERS_EXITED_EARLY: entry(502, -32603, 'worker', false, 'The command {command} exited ({how}) before it served anything.{hint}'),
  // prettier-ignore
  ERR_WORKERS_START_TIMEOUT: entry(504, -32603, 'worker', false, 'The command {command} did not {what} within {time}.{hint}'),
  // prettier-ignore
  ERR_WORKERS_REFUSED: entry(502, -32603, 'worker', false, 'The server {command} did not accept {what}: {how}.'),
  // prettier-ignore
  ERR_WORKERS_PORT_TAKEN: entry(503, -32000, 'operator', true, 'Port {port} of server {server} is in use by {who}. A fixed port serves one session at a time. {advice}'),
  // prettier-ignore
  ERR_WORKERS_NO_PORT: entry(503, -32000, 'operator', true, 'There is no free port for another worker: each of the {few}{which} is in use or was a moment ago. Widen workerPorts, or end sessions.'),
  // prettier-ignore
  ERR_WORKERS_NOT_LOOPBACK: entry(502, -32603, 'operator', false, 'The server {server} listens on {address}, not on loopback.'),
  // prettier-ignore
  ERR_WORKERS_LISTENS_ELSEWHERE: entry(502, -32603, 'operator', false, 'The command {command} listens on {where} {instead}. {advice}'),
  // prettier-ignore
  ERR_WORKERS_DRIVER_UNAVAILABLE: entry(503, -32603, 'operator', false, 'The driver {driver} cannot run here: {why}'),
  // prettier-ignore
  ERR_WORKERS_KEEPER: entry(502, -32603, 'gateway', false, 'The keeper of the worker failed: {why}'),
  // prettier-ignore
  ERR_WORKERS_DISK: entry(503, -32000, 'operator', true, 'The state directory cannot be written now ({why}), so no worker can be started. Make room on its disk, or set stateDir to another one.'),
  // prettier-ignore
  ERR_WORKERS_NO_ROOM: entry(503, -32000, 'operator', true, 'There is no room for another worker now: {why}. Raise the limits of the gateway (ulimit -n, ulimit -u, memory), or end sessions.'),
  // prettier-ignore
  ERR_WORKERS_MEMORY: entry(503, -32000, 'operator', true, 'Only {free} of the memory is free, so no worker is started below {least} (minFreeMemory). End sessions, or give the gateway more memory.'),
  // prettier-ignore
  ERR_WORKERS_FAILED: entry(502, -32603, 'worker', false, 'The worker answered {statusCode}.'),
  // prettier-ignore
  ERR_WORKERS_UNHEALTHY: entry(502, -32603, 'worker', false, 'The server {command} is not healthy: GET {path} {how}. With protocol: http it has to answer 200 with {"status": "Healthy"}.'),
  // prettier-ignore
  ERR_AGENTCORE_NO_AGENT: entry(404, -32004, 'client', false, "No endpoint or agent found with qualifier '{qualifier}' for agent '{agent}'. mcp-berth runtimes lists them."),
  // prettier-ignore
  ERR_AGENTCORE_UNKNOWN_OPERATION: entry(404, -32004, 'client', false, 'Of Amazon Bedrock AgentCore this endpoint has InvokeAgentRuntime and StopRuntimeSession; {operation} is not there. mcp-berth runtimes lists the runtimes that it serves.'),
  // prettier-ignore
  ERR_AGENTCORE_NO_SESSION: entry(404, -32004, 'client', false, 'Session not found or already terminated'),
  // prettier-ignore
  ERR_AGENTCORE_VALIDATION: entry(400, -32006, 'client', false, '{why}'),
  // prettier-ignore
  ERR_AUTH_ADMIN_TOKEN: entry(401, -32001, 'client', false, 'Send the admin token of this gateway as Authorization: Bearer. It stands in the state directory.'),
  // prettier-ignore
  ERR_AUTH_NO_TOKEN: entry(401, -32001, 'client', false, 'Missing Authentication Token. Send an access token as Authorization: Bearer TOKEN; WWW-Authenticate says where to get one.'),
  // prettier-ignore
  ERR_AUTH_HEADER: entry(401, -32001, 'client', false, 'Authentication error: {why}. Send one Authorization header, with a Bearer token.'),
  // prettier-ignore
  ERR_AUTH_TOKEN_MALFORMED: entry(403, -32002, 'client', false, 'OAuth authorization failed: Failed to parse token. It has to be a signed JWT.'),
  // prettier-ignore
  ERR_AUTH_TOKEN_INVALID: entry(401, -32001, 'client', false, 'The token is not accepted: {why}. Get a new one.'),
  // prettier-ignore
  ERR_AUTH_CLAIM_MISMATCH: entry(401, -32001, 'client', false, "Claim '{claim}' value mismatch with configuration. Get a token that this server lets in."),
  // prettier-ignore
  ERR_AUTH_SCOPE: entry(403, -32002, 'client', false, 'Authorization error: the token has none of the scopes that this server lets in. Get a token with one of those in WWW-Authenticate.'),
  // prettier-ignore
  ERR_AUTH_METHOD: entry(403, -32002, 'client', false, 'Authorization method mismatch. This server takes OAuth tokens (Authorization: Bearer), not AWS signatures.'),
  // prettier-ignore
  ERR_AUTH_CREDENTIAL: entry(403, -32002, 'client', false, 'The server {server} is not started for you: {missing}.'),
  // prettier-ignore
  ERR_AUTH_NO_KEY: entry(401, -32001, 'client', false, 'Missing API key. Send one as Authorization: Bearer KEY, or as X-API-Key: KEY; whoever runs this gateway makes them with mcp-berth keys add NAME.'),
  // prettier-ignore
  ERR_AUTH_KEYS: entry(503, -32000, 'operator', true, 'The API keys of this gateway cannot be used: {why}'),
  // prettier-ignore
  ERR_AUTH_SECRETS: entry(503, -32000, 'operator', true, 'The secrets of this gateway cannot be used: {why}'),
  // prettier-ignore
  ERR_AUTH_PROVIDER: entry(503, -32000, 'operator', true, 'The identity provider {provider} does not answer as it should: {why}'),
  // prettier-ignore
  ERR_AUTH_NO_METADATA: entry(404, -32000, 'client', false, 'There is no protected resource here: the server is unknown, or asks for no token.'),
  // prettier-ignore
  ERR_AUTH_LOCAL_ISSUER: entry(500, -32603, 'operator', false, 'There is no local issuer in {folder}. Run mcp-berth identity init with the same state directory.'),
  // prettier-ignore
  ERR_ADMIN_NOT_FOUND: entry(404, -32000, 'client', false, 'There is nothing at this path. Sessions are at /api/sessions, metrics at /metrics.'),
  // prettier-ignore
  ERR_ADMIN_UNKNOWN_SESSION: entry(404, -32001, 'client', false, 'There is no session {handle}.'),
  // prettier-ignore
  ERR_ADMIN_AMBIGUOUS: entry(409, -32000, 'client', false, 'Several sessions begin with {handle}. Give more of the handle.'),
  // prettier-ignore
  ERR_ADMIN_BAD_REQUEST: entry(400, -32600, 'client', false, 'Bad request: {why}'),
  // prettier-ignore
  ERR_CONFIG_INVALID: entry(500, -32603, 'operator', false, '{problems}'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof catalogue

/** What `WWW-Authenticate: Bearer` says of this request; what of the server is added to it. */
export interface Challenge {
  /** Absent where no token was sent (RFC 6750, section 3.1). */
  readonly error?: 'invalid_token' | 'insufficient_scope'
  /** Short, and without anything of the token. */
  readonly description?: string
}

export interface GatewayErrorOptions {
  /** Fills `{name}` in the message. Never a secret. */
  params?: Record<string, string | number>
  /** `error.data` of the JSON-RPC reply; shown to the client at any status. Never a secret. */
  data?: Record<string, unknown>
  /** For the log and the operator only: exit code, last lines of output … */
  details?: Record<string, unknown>
  /** Seconds, sent as `Retry-After`. */
  retryAfterSeconds?: number
  challenge?: Challenge
  cause?: unknown
}

/** The one error class of Berth: a code of the catalogue with what is known of this case. */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  readonly rpcCode: number
  readonly data: Record<string, unknown> | undefined
  readonly details: Record<string, unknown> | undefined
  readonly retryAfterSeconds: number | undefined
  readonly challenge: Challenge | undefined

  constructor(code: ErrorCode, options: GatewayErrorOptions = {}) {
    const { statusCode, rpcCode, message } = catalogue[code]
    super(fill(message, options.params ?? {}), { cause: options.cause })
    this.name = 'GatewayError'
    this.code = code
    this.statusCode = statusCode
    this.rpcCode = rpcCode
    this.data = options.data
    this.details = options.details
    this.retryAfterSeconds = options.retryAfterSeconds
    this.challenge = options.challenge
  }
}

function fill(template: string, params: Record<string, string | number>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ''))
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

import type { ErrorCode } from '../ground/errors.ts'

/**
 * What the gateway and a keeper say to each other. First, on the keeper's stdin, one line of
 * `KeeperBoot` for each worker that it is to keep: one, or several where each gets a house of its
 * own. The keeper answers `listening PATH` on stdout when the unix socket is there, and
 * `left CODE PATH` when that worker is over: 0 if nothing of its tree is left. Then, on that socket,
 * HTTP with the nonce in every request:
 *
 * - `POST /keeper/start` `KeeperSpec` -> 200 `KeeperStarted` when the server is ready,
 *   or 502 `KeeperFailure`; a keeper starts one server in its life, and none once it was told to
 *   stop (409)
 * - `POST /keeper/claim` `KeeperClaim` -> 204: a server that was started ahead of its session has one
 *   now; 409 before there is a server, and once it has ended
 * - `GET /keeper/watch` -> the head at once, and the body `KeeperExit` when the server has ended;
 *   409 before there is one. Whoever has it open is a gateway that is there
 * - `POST /keeper/stop?graceMs=` -> 204 when nothing of the tree is left but the keeper, which then ends
 * - `GET /keeper/lines` -> the last lines of output, a JSON array
 * - `GET /keeper/usage` -> what the server has used so far, `Usage`
 * - `GET /keeper/advice` -> waits for what an operator should know of what a stdio server writes: 200
 *   a JSON string, or 204 as soon as it has said its first message, or has ended
 * - `PUT /keeper/note` a JSON string -> 204; it is kept in memory, in place of the one before
 * - `GET /keeper/note` -> 200 that string, or 204 when none was left
 * - `GET /keeper/frames` to be upgraded -> 101, and from then on frames (`ground/frames.ts`), for all
 *   that a gateway asks a stdio server; 403 where nothing takes them
 * - anything else goes to the server; the head of an event stream that is resumed says with
 *   `carriesHeader` whether the answer to a request is still to come on it
 *
 * The end of stdin means that the gateway is gone, and then the keeper and its server go too. (Where
 * the kernel can, they are killed sooner, by the death of their parent.) With `outlives` in the
 * specification that holds until the server is ready, or has its session; from then on the keeper ends it by itself when
 * its time is over, or when no gateway has been there for too long.
 *
 * The keeper of one server ends with it, as soon as the last answers have left, with exit code 0 if
 * it has left nothing of the tree behind. One that may keep several ends when its stdin has, and
 * nothing that it keeps is left.
 */
export interface KeeperBoot {
  socketPath: string
  nonce: string
  /** Whether the keeper and what it starts have a PID namespace to themselves. */
  ownPidNamespace: boolean
  /** The keeper may keep several, and stands outside of the namespace that its server gets. */
  house?: House
}

/** How a server gets a PID namespace of its own that dies with its keeper. Paths are absolute. */
export interface House {
  /** Words that begin it; what follows them is its first process. */
  enter: string[]
  sh: string
  setsid: string
  mkfifo: string
}

/** The first process of a server's PID namespace, by the pid that it has outside. */
export interface HouseInit {
  pid: number
  startTime: string
}

export interface KeeperSpec {
  workerId: string
  command: string
  args: string[]
  cwd: string
  env: Record<string, string>
  transport: 'stdio' | 'http'
  /** Set for `http`. */
  port: number | null
  /** Path of the endpoint of an HTTP server. */
  path: string
  relay: boolean
  /** What it answers is no MCP, and is passed on as it is. */
  isPlain?: true
  outputFile: string
  outputMaxBytes: number
  /** Where `KeeperExit` is left for whoever comes later. */
  exitFile: string
  startTimeoutMs: number
  /** Set for a server that outlives its gateway. */
  outlives?: Outliving
  /** It has no session yet, and ends with its gateway until it is claimed. */
  isWarm?: true
  /** Where the kernel counts what it has killed of the worker for want of memory. */
  oomFile?: string
  /** What the command stands around, when it is a wrapper; null when it is the server itself. */
  wrapped: Wrapped | null
}

/** When the keeper of a server that outlives its gateway ends it by itself. */
export interface Outliving {
  /** After its start. A gateway that is there should have ended it before. */
  maxMs: number
  /** After the last gateway has left. */
  orphanMs: number
}

/** For a server that was started ahead. */
export interface KeeperClaim {
  /** Set for one that outlives its gateway from now on; counted from now. */
  outlives?: Outliving
}

export interface Wrapped {
  /** Looked for before anything is started: a wrapper's own complaint would say less. */
  command: string
  cwd: string
  /** A file that the command finds open as descriptor 3. */
  file: string | null
  /**
   * The wrapper stays, and its only child leads the server's process group. Without it the wrapper
   * becomes the server.
   */
  stays: boolean
}

export interface KeeperStarted {
  pid: number
  /** Where its keeper stands outside of its PID namespace. */
  init?: HouseInit
  /** Loopback address that an HTTP server listens on; null for stdio. */
  address: string | null
  /** A sentence for the operator, such as that the server listens on all addresses. */
  warning: string | null
}

export interface KeeperFailure {
  code: ErrorCode
  params: Record<string, string | number>
  listens?: ListensElsewhere
  exitCode: number | null
  signal: string | null
  lastLines: string[]
}

export interface KeeperExit {
  code: number | null
  signal: string | null
  how: string
  lastLines: string[]
  usage: Usage
  /** It ended, unasked, after it had wanted more memory than it may have. */
  oom?: true
  /** It was ended because it speaks there, and not on its standard output. */
  listens?: ListensElsewhere
}

/** Where a server listens that does not speak where it should, and what answers there. */
export interface ListensElsewhere {
  address: string
  port: number
  /** `agent`: AgentCore's contract of `/invocations`; `sse`: MCP's HTTP+SSE of 2024. */
  speaks: 'mcp' | 'agent' | 'sse' | 'unknown'
}

export const nonceHeader = 'x-berth-nonce'

/**
 * `exchange`, on the head of a stream that was resumed by `Last-Event-ID` and belongs to a POST
 * whose answer is still to come: a gateway that has not seen the POST learns from it that its
 * session is busy. It is for the gateway alone.
 */
export const carriesHeader = 'x-berth-carries'

/** What a worker has used so far; absent: not known here. */
export interface Usage {
  cpuMs?: number
  peakMemoryBytes?: number
  /** The most at once, or as many as there are now where the kernel keeps no peak. */
  processes?: number
  writtenBytes?: number
}

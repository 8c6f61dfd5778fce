import type { ListensElsewhere, Usage } from '../keeper/protocol.ts'

export type { ListensElsewhere, Usage } from '../keeper/protocol.ts'

/**
 * The contract of a driver: one way of starting and isolating the worker of a session.
 *
 * Few verbs, none optional, no silent no-op; what differs between drivers is data in
 * `capabilities`. Every driver passes `test/suites/driver.ts`.
 */
export interface WorkerDriver {
  readonly name: string
  readonly capabilities: DriverCapabilities

  /**
   * Says whether this driver can run on this machine, by trying, not by asking for versions.
   * May be called at any time; the answer is found once for each process and remembered.
   *
   * @param launch a server's: then whether this driver can run that one here
   */
  probe(launch?: WorkerSpec['launch']): Promise<Probe>

  /** What enforces the limits of a server with this launch here. May be called at any time. */
  enforcement(launch: WorkerSpec['launch']): Enforcement[]

  /**
   * Starts one worker and resolves when it can be reached: for an HTTP server, when its listening
   * socket belongs to this worker; for a stdio server, when its process runs (whether it speaks
   * MCP shows at `initialize`). Readiness races the worker's exit, the start allowance and `signal`;
   * whichever loses, no process is left behind when the promise has settled.
   *
   * @throws ERR_WORKERS_SPAWN the command does not exist or may not be run
   * @throws ERR_WORKERS_EXITED_EARLY it ended before it was ready
   * @throws ERR_WORKERS_START_TIMEOUT it never listened within `startTimeoutMs`
   * @throws ERR_WORKERS_PORT_TAKEN its fixed port is in use
   * @throws ERR_WORKERS_KEEPER the keeper beside it could not be started
   * @throws the reason of `signal` when it was aborted
   */
  start(spec: WorkerSpec, signal: AbortSignal): Promise<Worker>

  /**
   * Finds a worker that another gateway process started, by the handle of its record; one that this
   * process started, too. Several gateways may be attached to a worker at once: all see its end.
   * What is attached to costs nothing as long as nothing happens, and does not keep this process
   * alive.
   *
   * @returns undefined when it is gone, or when what is there now is not it (a recycled pid)
   */
  attach(handle: WorkerHandle): Promise<Worker | undefined>

  /**
   * Clears away what is left of a worker, processes included, and tells how it ended as far as its
   * keeper has written it down, else `its keeper vanished`. Idempotent, and harmless when several
   * gateways do it at once. Only to be called after `attach` has returned undefined: a worker that
   * is there and well is killed.
   */
  bury(handle: WorkerHandle): Promise<WorkerExit>

  /**
   * The workers that run on this host now, whoever owns them, for the sweep. It ends none of them;
   * it only clears away the remains of those whose keeper is gone.
   */
  list(): Promise<WorkerMarker[]>
}

export interface DriverCapabilities {
  /** What stands between a worker and the rest: nothing, a process of its own, a sandbox … */
  readonly isolation: 'none' | 'process' | 'sandbox' | 'container' | 'pod'
  /** Whether each session gets a copy of the server to itself. */
  readonly perSession: boolean
  /** Whether a worker can outlive the gateway and be attached to by the next one. */
  readonly reattach: boolean
  /** Whether `worker.output` and the log file carry what the worker writes. */
  readonly output: boolean
}

export type Probe =
  /** `how`: the isolation in one line, for `serve` and `check`; `missing`: what is weaker and why. */
  { available: true; how: string; missing: string[] } | { available: false; why: string }

/** What it takes to start the worker of one session. Paths are absolute. */
export type WorkerSpec = LocalSpec | RemoteSpec | InsideSpec

interface SpecBase {
  /** 16 lower-case hex digits. */
  workerId: string
  /** Short handle of the session, for logs and markers only. */
  session: string
  /** Name of the server in the configuration. */
  server: string
}

export interface LocalSpec extends SpecBase {
  kind: 'local'
  launch: LocalLaunch
  /** The worker's own folder: keeper files, `output.log`. Exists, mode 0700. */
  directory: string
  /** Working directory. Exists. */
  cwd: string
  /** The whole environment of the server but for `PORT`. */
  env: Record<string, string>
  /** Variables of this session alone, beside `env`; nothing in them is filled. Secret. */
  credentials?: Record<string, string>
  /** Size at which `output.log` becomes `output.log.1`. */
  outputMaxBytes: number
  /** From 1; for readiness only. Default 120 000 (AgentCore's start allowance). */
  startTimeoutMs: number
  /**
   * Set for a worker that outlives its gateway: when its keeper ends it by itself, counted from its
   * start and from the moment at which the last gateway had left it. A gateway that is there gets
   * some seconds more, to end it first. Without it the worker ends with its gateway.
   */
  outlives?: Outlives
  /**
   * Set for one that is started ahead of its session: until `claim` it ends with its gateway, whoever
   * it is to outlive then, and its marker says that it is nobody's.
   */
  isWarm?: true
}

export interface Outlives {
  maxMs: number
  orphanMs: number
}

export interface RemoteSpec extends SpecBase {
  kind: 'remote'
  launch: RemoteLaunch
}

export interface InsideSpec extends SpecBase {
  kind: 'inside'
  launch: InsideLaunch
}

/** How a server of the configuration is started, placeholders filled but for `${PORT}`. */
export interface LocalLaunch {
  kind: 'local'
  /** The command line as the configuration has it, placeholders unfilled: no secret, for people. */
  shown: string
  command: string
  args: string[]
  transport: 'stdio' | 'http'
  /** A port that the server insists on; without it a free one is put into `PORT` and `${PORT}`. */
  port?: number
  /** Path of the endpoint of an HTTP server. Default `/mcp`, or `/invocations`. */
  path: string
  /** It speaks no MCP, but AgentCore's contract of `/invocations`: its streams are no messages. */
  isPlain?: true
  /** Puts the keeper in front of an HTTP server. stdio servers always have it. */
  relay: boolean
  /** How many workers one keeper keeps at most, where each can have its own namespace. Default 1. */
  sessionsPerKeeper?: number
  limits: Limits
  /**
   * Modules that a template of its Python loads, to be forked for each session; `auto`: what its
   * own files import.
   */
  preload?: readonly string[] | 'auto'
  /** Of drivers that are a wall; others have the host's network and see all files. */
  sandbox: SandboxOptions
  /** For advice when a start fails; absent: a file, and nothing is known of the environment. */
  origin?: LaunchOrigin
}

/** Where a launch was written, and what it did not hand on. */
export interface LaunchOrigin {
  /** After `--` on the command line; else in a file. */
  isCommandLine: boolean
  /** Names of variables that the gateway has and the worker does not get. */
  withheld: readonly string[]
}

/** What one worker may use; absent: as much as it gets. */
export interface Limits {
  memoryBytes?: number
  /** Cores, in parts of them too. */
  cpus?: number
  /** Processes and threads. */
  pids?: number
  diskBytes?: number
  openFiles?: number
}

/** One limit of a server: what enforces it here, or why nothing does and what would help. */
export type Enforcement =
  { limit: LimitName; by: string } | { limit: LimitName; by: null; why: string }

export type LimitName = 'memory' | 'cpus' | 'pids' | 'disk' | 'openFiles'

export interface SandboxOptions {
  /** `private`: a network of its own, in which the server has its port to itself. */
  network: 'host' | 'none' | 'private'
  /** Whether a private network leads anywhere. */
  outbound: boolean
  /** Absolute paths, outside and inside. */
  mounts: Mount[]
  /** Files that are never shown, though a folder that is shown holds them: they hold secrets. */
  hidden: string[]
  /** Folders that workers may write, of any server: nothing inside of them is mounted. */
  writable?: string[]
}

export interface Mount {
  from: string
  to: string
  write: boolean
}

export interface RemoteLaunch {
  kind: 'remote'
  /** The URL as the configuration has it: no secret, for people. */
  shown: string
  url: string
  /** Sent with every request. Secret. */
  headers: Record<string, string>
}

/** A server that is a part of the gateway: a bundle. Nothing is started for it. */
export interface InsideLaunch {
  kind: 'inside'
  /** For people: `a bundle of github and time`. */
  shown: string
  /** Names of the servers of which a session of it may have sessions. */
  members: readonly string[]
}

/** One running copy of a server, serving one session. */
export interface Worker {
  /** JSON without secrets; it goes into the record and is all that `attach` needs. */
  readonly handle: WorkerHandle
  readonly endpoint: Endpoint
  /** Always settles, never rejects: with how it ended, once no process of its tree is left. */
  readonly exited: Promise<WorkerExit>
  /**
   * Asks (stdin closed and SIGTERM), waits `graceMs`, then kills the whole tree. Idempotent;
   * settles when it is really gone. For a driver that starts nothing: lets go.
   */
  stop(options: { graceMs: number }): Promise<void>
  /** The last lines that the worker wrote, at most 20, oldest first. */
  lastLines(): Promise<string[]>
  /** What it has used, or had when it ended. */
  usage(): Promise<Usage>
  /**
   * One that was started ahead (`isWarm`) is a session's from now on.
   *
   * @param outlives counted from now, for one that outlives its gateway
   * @returns false when it has ended or does not answer; of a driver that starts nothing, always
   */
  claim(outlives?: Outlives): Promise<boolean>
  /**
   * Leaves a text beside the worker, in place of the one before: it is kept as long as the worker
   * lives, and no worker can read it. Never rejects: a driver that starts nothing and a worker that
   * is gone keep nothing.
   */
  leaveNote(text: string): Promise<void>
  /** The text that was left last, by whatever gateway; undefined if none is to be had. */
  note(): Promise<string | undefined>
}

export interface WorkerHandle {
  driver: string
  workerId: string
  [key: string]: string | number | boolean | null
}

/**
 * The process that people are shown for a worker: all of its own stand below it, and nothing of another
 * worker's. A keeper may keep several, so where a worker has a PID namespace it is the init of that.
 */
export function shownPid(handle: Readonly<Record<string, unknown>>): number | undefined {
  const { initPid, pid } = handle
  if (typeof initPid === 'number') return initPid
  return typeof pid === 'number' ? pid : undefined
}

/** Where a worker is reached, over HTTP/1.1. */
export interface Endpoint {
  /** `http://127.0.0.1:PORT`, or the origin of a `url` server. */
  origin: string
  /** Value of `Host`: `localhost:PORT` for a local worker, so that rebinding guards let it in. */
  host: string
  /** When set, `origin` is spoken over this unix socket. */
  socketPath?: string
  /** Whether `socketPath` takes frames (`ground/frames.ts`), so that one connection is enough. */
  frames?: true
  /** Path and query of the endpoint. */
  path: string
  /** To be added to every request: the keeper's nonce, the headers of a `url` server. Secret. */
  headers: Readonly<Record<string, string>>
  /** Whether what is behind it keeps the order of the session's streams itself (the keeper). */
  ordersStreams: boolean
}

export interface WorkerExit {
  code: number | null
  signal: string | null
  /** In words: `exit code 3`, `killed by SIGKILL`, `stopped`, `its keeper vanished`. */
  how: string
  /** It ended because it wanted more memory than it may have. */
  oom?: true
  /** It was ended because it speaks there, and not where it should. */
  listens?: ListensElsewhere
}

/**
 * Who a running worker belongs to. Ownership decides who may be ended; the absence of a record
 * never does.
 */
export interface WorkerMarker {
  handle: WorkerHandle
  server: string
  session: string
  /** Random id of the state directory. */
  installation: string
  store: string
  owner: ProcessIdentity
  /** It waits for a session, and is its owner's alone. */
  isWarm?: true
}

/** A process that cannot be confused with a later one of the same pid. */
export interface ProcessIdentity {
  bootId: string
  pid: number
  /** Clock ticks since boot (field 22 of /proc/PID/stat); a start date in words on macOS. */
  startTime: string
}

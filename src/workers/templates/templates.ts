import type { Clock } from '../../ground/clock.ts'
import type { Events } from '../../ground/events.ts'
import { readPythonCommand } from '../../ground/python-command.ts'
import type { KeeperSpec } from '../../keeper/protocol.ts'
import type { LocalSpec } from '../driver.ts'
import type { PidNamespace } from '../pid-namespace.ts'
import type { Wish } from '../wishes.ts'
import { forkProgram, forkVariable, holderProgram } from './fork-program.ts'
import type { Template, TemplateKind } from './template.ts'
import { startTemplate } from './template.ts'

/** The templates that the servers of a configuration are forked from. */
export interface Templates {
  /**
   * What is to be started in place of a server's own command, so that it is forked; the same command
   * where there is no template for it at the moment.
   *
   * @param groups files of control groups that the fork has to join (`Group.procsFiles`)
   * @param sandbox what stands around it
   */
  forked(
    spec: KeeperSpec,
    local: LocalSpec,
    groups: readonly string[],
    sandbox?: Surrounding,
  ): KeeperSpec
  /** Whether a session of this server would be forked now. */
  isReady(server: string): boolean
  close(): Promise<void>
}

/** A sandbox that is built for each session, whoever stands in it. */
export interface Surrounding {
  around(spec: KeeperSpec): KeeperSpec
  /** Its filter of system calls, as a file; null where it has none. */
  filter: string | null
}

export interface TemplatesOptions {
  clock: Clock
  events: Events
  runtimeDir: string
  namespace: PidNamespace
  servers: readonly Wish[]
}

/** Starts a template for each kind of server that asks for one; nobody waits for it. */
export function createTemplates(options: TemplatesOptions): Templates {
  const { clock, events, runtimeDir, namespace } = options
  const templates = new Map<string, Template>()
  const byServer = new Map<string, { kind: TemplateKind; template: Template }>()
  const warned = new Set<string>()
  const warn = (server: string, message: string): void => {
    if (warned.has(`${server} ${message}`)) return
    warned.add(`${server} ${message}`)
    events.emit('operator.warned', { server, message })
  }

  const kinds = new Map<string, { kind: TemplateKind; wishes: Wish[] }>()
  for (const wish of options.servers) {
    const found = kindOf(wish)
    if (found === undefined) continue
    if (!namespace.own) {
      warn(wish.name, `preload is of no use here: there is no PID namespace (${namespace.why}).`)
      continue
    }
    const { reads, ...kind } = found
    // Servers with one list share a template, whatever each takes of its modules.
    const key = JSON.stringify(kind.modules === 'auto' ? found : kind)
    const { kind: known, wishes } = kinds.get(key) ?? { kind: { ...kind, reads: [] }, wishes: [] }
    kinds.set(key, {
      kind: { ...known, reads: [...known.reads, ...reads] },
      wishes: [...wishes, wish],
    })
  }
  for (const [key, { kind, wishes }] of kinds) {
    const [first] = wishes
    if (first === undefined) continue
    const template = startTemplate(kind, { clock, runtimeDir, news: of(first) })
    templates.set(key, template)
    for (const { name } of wishes) byServer.set(name, { kind, template })
  }

  function of({ name }: Wish): Parameters<typeof startTemplate>[1]['news'] {
    return {
      onReady: (startMs) => events.emit('template.ready', { server: name, startMs }),
      onFailed: (why) => warn(name, `${plainly}: preload: ${why}. ${advice}`),
      onCrashed: (how) =>
        warn(name, `Its template has ended (${how}) and is started again; ${untilThen}`),
      onUsed(outcome, server, why) {
        events.emit('template.used', { server, outcome })
        if (outcome === 'refused') warn(server, `A session started without its template: ${why}.`)
      },
    }
  }

  return {
    forked(spec, local, groups, sandbox) {
      const found = byServer.get(local.server)
      const plain = (): KeeperSpec => sandbox?.around(spec) ?? spec
      if (found === undefined) return plain()
      const door = found.template.door()
      const python = readPythonCommand(spec.command, spec.args, spec.env.PATH ?? '')
      if (door === undefined || typeof python === 'string' || !isOf(python, found.kind)) {
        events.emit('template.used', { server: local.server, outcome: 'plain' })
        return plain()
      }
      const { socketPath, nonce } = door
      const { kind, at, words } = python
      const filter = sandbox?.filter ?? ''
      const setting = [socketPath, nonce, local.server, kind, String(at), filter, ...groups]
      const { command, args, cwd } = spec
      const holder = ['-c', holderProgram, 'berth-fork', command, ...args]
      const whole = sandbox?.around({ ...spec, command: '/bin/sh', args: holder }) ?? spec
      const beyond = sandbox === undefined ? [] : [whole.command, ...whole.args]
      return {
        ...whole,
        command: door.python,
        args: ['-I', '-S', '-c', forkProgram, String(words.length), ...words, ...beyond],
        env: { ...whole.env, [forkVariable]: setting.join('\n') },
        wrapped: { file: null, stays: false, ...whole.wrapped, command, cwd },
      }
    },
    isReady: (server) => byServer.get(server)?.template.door() !== undefined,
    async close() {
      await Promise.all([...templates.values()].map((template) => template.close()))
    },
  }
}

const plainly = 'Its sessions start without a template'
const advice = 'Install it into the Python of the server, or take it out of preload.'
const untilThen = 'until then sessions start without it.'

const isOf = (
  { interpreter, flags }: Pick<TemplateKind, 'interpreter' | 'flags'>,
  kind: TemplateKind,
): boolean => interpreter === kind.interpreter && flags.join('\n') === kind.flags.join('\n')

function kindOf({ driver, launch, env = {}, cwd = 'session' }: Wish): TemplateKind | undefined {
  if (launch.kind !== 'local' || (driver !== 'process' && driver !== 'sandbox')) return undefined
  const python = readPythonCommand(launch.command, launch.args, env.PATH ?? '')
  if (typeof python === 'string') return undefined
  const { preload: modules } = launch
  if (modules === undefined || modules.length === 0) return undefined
  const { interpreter, flags, kind, words, at } = python
  const [target = '', ...args] = words.slice(at)
  // What is filled in for each session is not known yet.
  const shared = Object.entries(env).filter(([, value]) => !value.includes('${PORT}'))
  return {
    interpreter,
    flags,
    modules,
    // A program such as fastmcp is told which file the server is.
    reads: [{ kind, targets: [target, ...args.filter((arg) => arg.endsWith('.py'))] }],
    cwd: cwd === 'session' ? '/' : cwd,
    env: Object.fromEntries(shared),
    ...(driver === 'sandbox' ? { exposed: launch.sandbox.writable ?? [] } : {}),
  }
}

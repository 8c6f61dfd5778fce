import os from 'node:os'
import path from 'node:path'

import type { Static } from 'typebox'

import { plainLine } from '../ground/terminal.ts'
import { listenOptions } from '../proxy/options.ts'
import { checkAuthorizer, warnOfKeys, warnOfTokens, withKeyFile } from './authorizer.ts'
import { readBundles } from './bundles.ts'
import { isMap, readSlice, type Tree } from './check.ts'
import { readFileOf } from './clients/read.ts'
import type { WrittenServer } from './clients/written.ts'
import { bare, isLoopback } from '../ground/loopback.ts'
import type { ListenConfig } from '../proxy/options.ts'
import type { Config } from './config.ts'
import { unsetIn, type Environment } from './environment.ts'
import { adminIsLocal, exposureOf, exposureRules, type ExposureRules } from './exposure.ts'
import { defaultStateDir, expandHome } from './folders.ts'
import { guardMounts, type WrittenMount } from './mounts.ts'
import { withOverrides, type Flags } from './overrides.ts'
import { isWrittenFor, leadsBack } from './own-address.ts'
import { createProblems, type Problems } from './problems.ts'
import { generalOptions, slices } from './schema.ts'
import { readSecretOptions, warnOfSecrets } from './secrets.ts'
import { readQuotas } from './quotas.ts'
import { readServers } from './servers.ts'
import { optionNamed, readSource, type SourceInput } from './source.ts'
import { readStore } from './store.ts'
import { readWorkerPorts } from './worker-ports.ts'

export interface LoadInput extends SourceInput {
  flags?: Flags | undefined
  env: Environment
  homeDir: string
}

/**
 * Turns a file or a command, with the environment and the flags over it, into one frozen value.
 * With neither a file nor a command it takes the first of `usualFiles` in `cwd`; `Config.file`
 * says which.
 *
 * @throws ERR_CONFIG_INVALID naming everything that is wrong; `details.problems` is a list of
 * `Problem`. No value of the environment is in it, and of the file only names and places.
 */
export function loadConfig(input: LoadInput): Config {
  const problems = createProblems(input.command === undefined ? undefined : optionNamed)
  const notes: string[] = []
  const source = readSource(input, problems, {
    notes,
    pointless: (tree) => pointlessness(tree, input),
  })
  problems.throwIfAny(source.name)

  for (const name of input.command ? unsetIn(input.entry?.passEnv, input.env) : []) {
    problems.add(['mcpServers', 'server', 'passEnv', name], 'it is not set in this shell.')
  }
  const file = readFileOf(source.tree, input, problems)
  const warnings = [...notes, ...(file.note === undefined ? [] : [file.note])]
  const tree = withoutEmptyMaps(withOverrides(file.settings, input, problems, warnings))
  const { general, listen, admin, storeKeys, agentcore, retention, log, secretKeys } = readSettings(
    tree,
    problems,
  )
  const { base } = source
  const secrets = secretKeys && readSecretOptions(secretKeys, { ...input, base, problems })
  const keyFiles = new Set<string>()
  const keysAt = { base, homeDir: input.homeDir, files: keyFiles }
  const global = withKeyFile(general?.authorizerConfiguration ?? 'none', keysAt)
  const mounts: WrittenMount[] = []
  const read = readServers(tree.defaults ?? {}, file, {
    base,
    file: source.file,
    homeDir: input.homeDir,
    env: input.env,
    literal: source.literal,
    isOwnAddress: (url) => listen !== undefined && leadsBack(url, listen),
    account: agentcore ?? { accountId: '', region: '' },
    secrets,
    authorizer: global,
    mounts,
    problems,
    warnings,
  })
  const { authorizers, renamed } = read
  const quotas = readQuotas(tree.quotas, problems)
  warnings.push(...renamed)
  const storeFiles = new Set<string>()
  const store = storeKeys && readStore(storeKeys, { ...input, base, files: storeFiles, problems })
  const stateDir =
    general?.stateDir === undefined
      ? defaultStateDir(input.env.XDG_STATE_HOME, input.homeDir)
      : path.resolve(base, expandHome(general.stateDir, input.homeDir))
  for (const [name, setting] of authorizers) authorizers.set(name, withKeyFile(setting, keysAt))
  const files = new Set([...storeFiles, ...keyFiles])
  const own = guardMounts(read.servers, mounts, { stateDir, files, problems })
  const bundled = readBundles(tree.bundles, {
    servers: own,
    isWanted: input.flags?.bundle === true,
    usualLifecycle: isMap(tree.defaults) ? tree.defaults.lifecycleConfiguration : undefined,
    account: agentcore ?? { accountId: '', region: '' },
    problems,
  })
  const { servers } = bundled
  for (const [name, setting] of bundled.authorizers) {
    authorizers.set(name, withKeyFile(setting, keysAt))
  }
  warnOfKeys(keyFiles, own, warnings)
  checkAuthorizer(tree.authorizerConfiguration, ['authorizerConfiguration'], problems)
  const settings = servers.map(({ name }) => [name, authorizers.get(name) ?? global] as const)
  if (listen && general) {
    const rules = exposureRules(general.allowAnonymous, Object.fromEntries(settings))
    checkListen(listen, rules, problems, warnings)
    warnOfTokens(listen, [global, ...authorizers.values()], warnings)
  }
  if (secrets) warnOfSecrets(servers, Object.fromEntries(settings), secrets, warnings)
  if (listen && admin) checkAdmin(listen, admin, problems)
  const workerPorts =
    general && listen && admin
      ? readWorkerPorts(general, { listen, admin, servers, problems, warnings })
      : undefined
  problems.throwIfAny(source.name)
  if (!general || !listen || !admin || !store || !agentcore || !retention || !log || !secrets) {
    throw new TypeError('a part of the configuration is invalid, but nothing says so')
  }

  const { bodyLimit: bodyLimitBytes, ...dialect } = agentcore
  const { allowAnonymous, drainMs, maxSessions, maxQueued } = general
  return deepFreeze({
    file: source.file,
    listen: toListen(listen),
    admin: { ...admin, host: bare(admin.host) },
    store,
    agentcore: { ...dialect, bodyLimitBytes },
    allowAnonymous,
    authorization: {
      global,
      servers: Object.fromEntries(settings),
      resource: general.resource,
      clockSkewMs: general.clockSkewSeconds * 1000,
    },
    caps: {
      maxSessions,
      maxSessionsPerPrincipal: general.maxSessionsPerPrincipal,
      maxStarting: general.maxStarting ?? 2 * os.availableParallelism(),
      maxQueued,
      minFreeMemory: general.minFreeMemory,
    },
    quotas,
    drainMs,
    workerPorts,
    stateDir,
    searchPath: input.env.PATH ?? '',
    retention,
    log,
    secrets: secrets.config,
    servers,
    bundles: bundled.bundles,
    warnings: warnings.map((text) => plainLine(text)),
    clientNotes: [...notes, ...renamed].map((text) => plainLine(text)),
  })
}

function readSettings(tree: Tree, problems: Problems) {
  const own = Object.entries(tree).filter(([key]) => Object.hasOwn(generalOptions.properties, key))
  return {
    general: readSlice(generalOptions, Object.fromEntries(own), [], problems),
    listen: readSlice(slices.listen, tree.listen ?? {}, ['listen'], problems),
    admin: readSlice(slices.admin, tree.admin ?? {}, ['admin'], problems),
    storeKeys: readSlice(slices.store, tree.store ?? {}, ['store'], problems),
    agentcore: readSlice(slices.agentcore, tree.agentcore ?? {}, ['agentcore'], problems),
    retention: readSlice(slices.retention, tree.retention ?? {}, ['retention'], problems),
    secretKeys: readSlice(slices.secrets, tree.secrets ?? {}, ['secrets'], problems),
    log: readSlice(slices.log, tree.log ?? {}, ['log'], problems),
  }
}

/** A key under which everything is a comment has no value in YAML: that is an empty map. */
function withoutEmptyMaps(tree: Tree): Tree {
  const maps = [...Object.keys(slices), 'defaults']
  return Object.fromEntries(
    Object.entries(tree).filter(([key, value]) => value !== null || !maps.includes(key)),
  )
}

/** What is wrong with a file that nobody has named, so that the next one is looked for. */
function pointlessness(tree: Tree, input: LoadInput): string | undefined {
  const unsaid = createProblems()
  const { servers = [], settings } = readFileOf(tree, input, unsaid)
  const { listen } = readSettings(withOverrides(settings, input, unsaid, []), unsaid)
  const isOfGateway = ({ raw, name }: WrittenServer): boolean =>
    isMap(raw) &&
    typeof raw.url === 'string' &&
    (isWrittenFor(raw.url, name) || (listen !== undefined && leadsBack(raw.url, listen)))
  return servers.length > 0 && servers.every(isOfGateway)
    ? 'is a file for clients of a gateway (client-config), without servers of its own'
    : undefined
}

function checkListen(
  listen: Static<typeof listenOptions>,
  rules: ExposureRules,
  problems: Problems,
  warnings: string[],
): void {
  if (listen.publicUrl !== undefined && !URL.canParse(listen.publicUrl)) {
    problems.add('listen.publicUrl', 'is no URL. Example: publicUrl: https://mcp.example.com')
  }
  const { problem, warning } = exposureOf(listen.host, rules)
  if (problem !== undefined) problems.add('listen.host', problem)
  if (warning !== undefined) warnings.push(warning)
}

function checkAdmin(
  listen: Static<typeof listenOptions>,
  admin: { host: string; port: number },
  problems: Problems,
): void {
  if (!isLoopback(admin.host)) {
    problems.add('admin.host', adminIsLocal)
  }
  const same = bare(admin.host) === bare(listen.host) || !isLoopback(listen.host)
  if (same && admin.port === listen.port && admin.port !== 0) {
    problems.add(
      'admin.port',
      `is the port of the public listener too (${admin.port}); take another.`,
    )
  }
}

function toListen(listen: Static<typeof listenOptions>): ListenConfig {
  const url = listen.publicUrl === undefined ? undefined : new URL(listen.publicUrl)
  return {
    host: bare(listen.host),
    port: listen.port,
    publicUrl: url?.href.replace(/\/+$/, ''),
    allowedOrigins: listen.allowedOrigins.map((origin) => origin.toLowerCase()),
    allowedHosts: [
      ...new Set([
        ...listen.allowedHosts.map((host) => host.toLowerCase()),
        ...(url ? [url.host] : []),
      ]),
    ],
    bodyLimitBytes: listen.bodyLimit,
  }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}

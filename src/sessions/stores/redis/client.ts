import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'

import type { Cluster, Redis, RedisOptions } from 'ioredis'

import { GatewayError, messageOf } from '../../../ground/errors.ts'
import type { RedisAddress, RedisStoreConfig } from '../../options.ts'
import { isReadOnly } from './failures.ts'
import type { Sought } from './failures.ts'

export type Commands = Redis | Cluster

/** Makes connections to one Redis, wherever it is. Nothing is connected yet. */
export interface Client {
  /** Finds Redis again by itself, for ever. */
  commands(): Commands
  /**
   * One connection that does not come back when it is lost.
   *
   * @returns undefined where no node of the cluster is known at the moment
   */
  once(commands: Commands): Redis | undefined
}

/** How long Redis may take for anything before it counts as away. */
const patienceMs = 2000

/** @throws ERR_CONFIG_INVALID when a file of `store.tls` cannot be read */
export async function createClient(config: RedisStoreConfig): Promise<Client> {
  // Here, so that a gateway without Redis never loads it.
  const ioredis = await import('ioredis')
  const { place, username, password } = config
  const tls = config.tls === undefined ? undefined : readTls(config.tls)
  const shared = {
    username,
    password,
    tls,
    db: config.db,
    connectTimeout: patienceMs,
    commandTimeout: patienceMs,
    socketTimeout: patienceMs,
    disconnectTimeout: 200,
    maxLoadingRetryTime: 500,
    // Whoever asks is told at once that Redis is away, and nothing is done late or twice.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    disableClientInfo: true,
    retryStrategy: backOffMs,
    reconnectOnError: isReadOnly,
    lazyConnect: true,
  } satisfies RedisOptions
  if (place.kind === 'cluster') {
    return {
      commands: () =>
        new ioredis.Cluster(
          place.nodes.map((node) => ({ ...node })),
          {
            redisOptions: shared,
            enableOfflineQueue: false,
            lazyConnect: true,
            clusterRetryStrategy: backOffMs,
            slotsRefreshTimeout: patienceMs,
            // A node that is gone is found out by the next command; this one fails at once.
            retryDelayOnFailover: 0,
            maxRedirections: 5,
            // Certificates are for names, not for addresses.
            ...(tls === undefined ? {} : { dnsLookup: (name, done) => done(null, name) }),
          },
        ),
      once(commands) {
        const nodes = 'nodes' in commands ? commands.nodes() : []
        const node = nodes[Math.floor(Math.random() * nodes.length)]
        if (node === undefined) return undefined
        const { host = 'localhost', port = 6379 } = node.options
        return new ioredis.Redis({ ...shared, host, port, retryStrategy: null })
      },
    }
  }
  const options = { ...shared, ...optionsOf(place, tls) }
  return {
    commands: () => new ioredis.Redis(options),
    once: () =>
      new ioredis.Redis({
        ...options,
        retryStrategy: null,
        sentinelRetryStrategy: () => null,
      }),
  }
}

type Single = Exclude<RedisStoreConfig['place'], { kind: 'cluster' }>

function optionsOf(place: Single, tls: ConnectionOptions | undefined) {
  if (place.kind === 'socket') return { path: place.path }
  if (place.kind === 'server') return { host: place.host, port: place.port }
  return {
    sentinels: place.sentinels.map((address) => ({ ...address })),
    name: place.name,
    sentinelPassword: place.password,
    sentinelTLS: tls,
    enableTLSForSentinelMode: tls !== undefined,
    sentinelCommandTimeout: patienceMs,
  }
}

/** How long to wait before the next of several tries. */
export const backOffMs = (tries: number): number => Math.min(50 * 2 ** Math.min(tries, 10), 1000)

function readTls(files: NonNullable<RedisStoreConfig['tls']>): ConnectionOptions {
  const { caFile, certFile, keyFile, servername } = files
  return {
    ...(caFile === undefined ? {} : { ca: read('caFile', caFile) }),
    ...(certFile === undefined ? {} : { cert: read('certFile', certFile) }),
    ...(keyFile === undefined ? {} : { key: read('keyFile', keyFile) }),
    ...(servername === undefined ? {} : { servername }),
  }
}

function read(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new GatewayError('ERR_CONFIG_INVALID', {
      params: { problems: `store.tls.${key}: cannot be read: ${messageOf(error)}` },
      cause: error,
    })
  }
}

const show = ({ host, port }: RedisAddress): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

/** Where it is, without any secret. */
export function soughtOf({ place, prefix, db, tls }: RedisStoreConfig): Sought {
  const sought = { prefix, usesTls: tls !== undefined }
  switch (place.kind) {
    case 'server':
      return { ...sought, key: 'store.url', place: `${show(place)}/${db}` }
    case 'socket':
      return { ...sought, key: 'store.url', place: `${place.path}?db=${db}` }
    case 'sentinel':
      return { ...sought, key: 'store.sentinels', place: `${place.name}@${all(place.sentinels)}` }
    case 'cluster':
      return { ...sought, key: 'store.cluster', place: all(place.nodes) }
  }
}

const all = (addresses: readonly RedisAddress[]): string => addresses.map(show).sort().join(',')

import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import type { Listening } from '../ground/events.ts'
import { endReasons, faultKinds, templateOutcomes, warmReasons } from '../ground/events.ts'

/** Every metric, by name, with what it counts; the table of README.md here is made from it. */
export interface Metrics {
  registry: Registry
}

/**
 * Counts the news of the house. Every value of a label is there from the start, so that a
 * dashboard sees a zero before the first failure.
 */
export function createMetrics(events: Listening, servers: readonly string[]): Metrics {
  const registry = new Registry()
  const registers = [registry]

  const open = new Gauge({
    name: 'berth_sessions_open',
    help: 'Sessions that this gateway serves, by server; gateways of one host serve the same ones.',
    labelNames: ['server'],
    registers,
  })
  const closed = new Counter({
    name: 'berth_sessions_closed_total',
    help: 'Sessions that have ended, by server and reason.',
    labelNames: ['server', 'reason'],
    registers,
  })
  const missed = new Counter({
    name: 'berth_sessions_missed_total',
    help: 'Requests with an id that is not served (any more), by server.',
    labelNames: ['server'],
    registers,
  })
  const reopened = new Counter({
    name: 'berth_sessions_reopened_total',
    help: 'Sessions that went on under the id of one that had ended, by server.',
    labelNames: ['server'],
    registers,
  })
  const start = new Histogram({
    name: 'berth_session_start_seconds',
    help: 'From opening a session until its worker answered initialize, by server.',
    labelNames: ['server'],
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    registers,
  })
  const exchanges = new Histogram({
    name: 'berth_exchange_seconds',
    help: 'From a request until its answer, by server and outcome.',
    labelNames: ['server', 'outcome'],
    buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300],
    registers,
  })
  const asked = new Counter({
    name: 'berth_server_requests_total',
    help: 'What workers asked of clients, by server and kind.',
    labelNames: ['server', 'kind'],
    registers,
  })
  const failed = new Counter({
    name: 'berth_requests_failed_total',
    help: 'Requests that the gateway answered with an error of its own, by code.',
    labelNames: ['code'],
    registers,
  })
  const faults = new Counter({
    name: 'berth_faults_total',
    help: 'Mistakes of Berth itself that were caught, by kind; please report what the log says of them.',
    labelNames: ['kind'],
    registers,
  })
  const templates = new Counter({
    name: 'berth_template_starts_total',
    help: 'Starts of servers with preload, by server and outcome: forked, refused by the template, or plain for want of one.',
    labelNames: ['server', 'outcome'],
    registers,
  })
  const warm = new Gauge({
    name: 'berth_warm_workers',
    help: 'Workers that wait for a session, by server.',
    labelNames: ['server'],
    registers,
  })
  const claims = new Counter({
    name: 'berth_warm_claims_total',
    help: 'Sessions of servers of which workers are kept warm, by server, and by whether one waited (hit) or not (miss).',
    labelNames: ['server', 'outcome'],
    registers,
  })
  const retired = new Counter({
    name: 'berth_warm_retired_total',
    help: 'Workers that ended without ever having had a session, by server and reason.',
    labelNames: ['server', 'reason'],
    registers,
  })
  const cold = new Counter({
    name: 'berth_warm_failed_total',
    help: 'Workers that could not be started ahead of a session, or did not stay, by server.',
    labelNames: ['server'],
    registers,
  })
  const left = new Gauge({
    name: 'berth_folders_left',
    help: 'Files and folders of ended sessions that cannot be removed, and are tried again.',
    registers,
  })

  for (const kind of faultKinds) faults.inc({ kind }, 0)
  for (const server of servers) {
    open.set({ server }, 0)
    missed.inc({ server }, 0)
    reopened.inc({ server }, 0)
    start.zero({ server })
    warm.set({ server }, 0)
    for (const outcome of ['hit', 'miss']) claims.inc({ server, outcome }, 0)
    for (const reason of warmReasons) retired.inc({ server, reason }, 0)
    cold.inc({ server }, 0)
    for (const reason of endReasons) closed.inc({ server, reason }, 0)
    for (const outcome of templateOutcomes) templates.inc({ server, outcome }, 0)
    for (const kind of ['elicitation', 'sampling', 'roots']) asked.inc({ server, kind }, 0)
    for (const outcome of ['answered', 'cancelled', 'failed']) exchanges.zero({ server, outcome })
  }

  events.on('session.opened', ({ server }) => open.inc({ server }))
  events.on('session.adopted', ({ server }) => open.inc({ server }))
  events.on('session.released', ({ server }) => open.dec({ server }))
  events.on('session.live', ({ server, startMs }) => start.observe({ server }, startMs / 1000))
  events.on('session.closed', ({ server, reason }) => {
    open.dec({ server })
    closed.inc({ server, reason })
  })
  events.on('session.reopened', ({ server }) => reopened.inc({ server }))
  events.on('session.missed', ({ server }) => missed.inc({ server }))
  // The one event of the hot path: its children are looked up once.
  const children = new Map<string, { observe(seconds: number): void }>()
  events.on('exchange.ended', ({ server, outcome, durationMs }) => {
    const key = `${outcome} ${server}`
    let child = children.get(key)
    if (child === undefined) children.set(key, (child = exchanges.labels(server, outcome)))
    child.observe(durationMs / 1000)
  })
  events.on('elicitation.requested', ({ server }) => asked.inc({ server, kind: 'elicitation' }))
  events.on('sampling.requested', ({ server }) => asked.inc({ server, kind: 'sampling' }))
  events.on('roots.requested', ({ server }) => asked.inc({ server, kind: 'roots' }))
  events.on('template.used', ({ server, outcome }) => templates.inc({ server, outcome }))
  events.on('warm.started', ({ server }) => warm.inc({ server }))
  events.on('warm.claimed', ({ server }) => {
    warm.dec({ server })
    claims.inc({ server, outcome: 'hit' })
  })
  events.on('warm.missed', ({ server }) => claims.inc({ server, outcome: 'miss' }))
  events.on('warm.retired', ({ server, reason }) => {
    warm.dec({ server })
    retired.inc({ server, reason })
  })
  events.on('warm.failed', ({ server }) => cold.inc({ server }))
  events.on('folders.left', ({ count }) => left.set(count))
  events.on('request.failed', ({ code }) => failed.inc({ code }))
  events.on('fault.caught', ({ kind }) => faults.inc({ kind }))
  return { registry }
}

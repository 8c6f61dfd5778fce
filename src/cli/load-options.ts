import type { CommandOptions } from './command.ts'

export const loadOptions = {
  sessions: { type: 'string', value: 'N', description: 'open at once (default 200)' },
  duration: { type: 'string', value: 'TIME', description: 'of the load (default 60s)' },
  calls: { type: 'string', value: 'N', description: 'ends it after so many exchanges' },
  rate: {
    type: 'string',
    value: 'N/s',
    description: 'exchanges a second, or max (default 1/s for each session, at most 500/s)',
  },
  profile: {
    type: 'string',
    value: 'NAME|FILE',
    description: 'what sessions do: see below (default mixed)',
  },
  users: {
    type: 'string',
    value: 'N',
    description: 'users with a token each; every id is tried as another',
  },
  tokens: { type: 'string', value: 'FILE', description: 'their bearer tokens, one a line' },
  'token-command': {
    type: 'string',
    value: 'COMMAND',
    description: 'prints the token of the user {sub} (default: by the local issuer of a Berth)',
  },
  header: {
    type: 'string',
    multiple: true,
    value: "'NAME: VALUE'",
    description: 'a header for every request; repeatable',
  },
  workers: { type: 'string', value: 'N', description: 'processes of the test (default 1)' },
  timeout: { type: 'string', value: 'SECONDS', description: 'for an answer (default 60)' },
  chaos: { type: 'boolean', description: 'kills, drops, replays and steals meanwhile' },
  isolation: {
    type: 'string',
    value: 'NAME',
    description: 'of a Berth of its own: process or sandbox (default: sandbox where it can be)',
  },
  require: {
    type: 'string',
    value: 'LEVEL',
    description: 'fails if a worker can be broken out of: sandbox or private-network',
  },
  'no-break-outs': { type: 'boolean', description: 'does not try to break out of workers' },
  'self-test': { type: 'boolean', description: 'first tests itself; without URL, that alone' },
  report: { type: 'string', value: 'FILE', description: 'writes the report as one page (HTML)' },
  junit: { type: 'string', value: 'FILE', description: 'writes the verdicts for CI (XML)' },
  json: { type: 'boolean', description: 'prints the report as JSON' },
  'state-dir': {
    type: 'string',
    value: 'DIR',
    description: 'of the Berth at URL: its local issuer, and the workers that --chaos may kill',
  },
  'i-own-this-target': { type: 'boolean', description: 'allows a URL outside of this machine' },
} as const satisfies CommandOptions

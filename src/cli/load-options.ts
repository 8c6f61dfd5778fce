import type { CommandOptions } from './command.ts'

export const loadOptions = {
  sessions: { type: 'string', value: 'N', description: 'sessions open at once (default 200)' },
  duration: { type: 'string', value: 'TIME', description: 'how long the load lasts (default 60s)' },
  calls: { type: 'string', value: 'N', description: 'stop after this many exchanges' },
  rate: {
    type: 'string',
    value: 'N/s',
    description: 'exchanges a second, or max (default 1/s for each session, at most 500/s)',
  },
  profile: {
    type: 'string',
    value: 'NAME|FILE',
    description: 'what sessions do; see below (default mixed)',
  },
  users: {
    type: 'string',
    value: 'N',
    description: 'spread sessions over N users, and try every id as another user',
  },
  tokens: { type: 'string', value: 'FILE', description: 'bearer tokens of the users, one a line' },
  'token-command': {
    type: 'string',
    value: 'COMMAND',
    description: 'prints the token of user {sub} (default: the local issuer of Berth makes it)',
  },
  header: {
    type: 'string',
    multiple: true,
    value: "'NAME: VALUE'",
    description: 'send this header with every request; repeatable',
  },
  workers: { type: 'string', value: 'N', description: 'processes that the test takes (default 1)' },
  timeout: {
    type: 'string',
    value: 'SECONDS',
    description: 'how long an answer may take (default 60)',
  },
  chaos: {
    type: 'boolean',
    description: 'meanwhile kill workers, drop connections, replay and steal ids',
  },
  isolation: {
    type: 'string',
    value: 'NAME',
    description: 'without URL: process or sandbox (default: sandbox where possible)',
  },
  bundle: {
    type: 'boolean',
    description: 'without URL: three probes as one bundle; what one keeps no other may have',
  },
  require: {
    type: 'string',
    value: 'LEVEL',
    description: 'fail if a worker can break out of this: sandbox or private-network',
  },
  'no-break-outs': { type: 'boolean', description: 'do not try to break out of workers' },
  'self-test': { type: 'boolean', description: 'test the test first; without URL, do only that' },
  report: { type: 'string', value: 'FILE', description: 'write the report as a page (HTML)' },
  junit: { type: 'string', value: 'FILE', description: 'write the verdicts for CI (XML)' },
  json: { type: 'boolean', description: 'print the report as JSON' },
  'state-dir': {
    type: 'string',
    value: 'DIR',
    description: 'state directory of the Berth at URL, for its local issuer and for --chaos',
  },
  'i-own-this-target': { type: 'boolean', description: 'allow a URL outside of this machine' },
} as const satisfies CommandOptions

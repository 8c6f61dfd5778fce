import assert from 'node:assert/strict'
import test from 'node:test'

import { describeServer } from '../../src/config/describe.ts'
import { errorOf, inputFor, load } from './in-folder.ts'

const env = { SECRET: 'hush', BERTH_LOG_LEVEL: '' }

test('no value of the file or the environment is in an error', (t) => {
  const content = {
    listen: { host: 'hush.example.com', port: 'hush', publicUrl: 'hush', allowedHosts: ['hush/'] },
    log: { level: 'hush' },
    stateDir: ['hush'],
    hush_is_a_key_here_only: 'hush',
    defaults: { env: { A: ['hush'] }, transport: 'hush' },
    mcpServers: {
      a: {
        command: 'node',
        args: [['hush']],
        env: { X: { y: 'hush' } },
        type: 'hush',
        cwd: '${SECRET}',
      },
      b: { command: '', url: 'hush' },
      c: { url: '${SECRET}', headers: { a: '${SECRET}\n', 'x y': 'hush' } },
      d: { command: 'node', envFile: '${SECRET}/x', passEnv: ['hush hush'], path: 'hush' },
      e: { command: 'node', args: ['${UNSET} hush'], transport: 'http', env: { PORT: 'hush' } },
      f: 'hush',
      g: { command: 'node', lifecycleConfiguration: 'hush', isolation: 'hush', default: 'hush' },
    },
  }
  const error = errorOf(inputFor(t, content, { env: { ...env, BERTH_MAX_SESSIONS: 'hush' } }))
  const text = `${error.message}\n${JSON.stringify(error.details)}`
  assert.ok(error.message.split('\n').length > 20, error.message)
  assert.doesNotMatch(text.replaceAll('hush_is_a_key_here_only', ''), /hush/)
})

test('no value of the environment is in a warning or a description', (t) => {
  const mcpServers = {
    a: {
      command: '${SECRET}',
      args: ['--token', '${SECRET}', 'x=${SECRET}'],
      env: { TMPDIR: '${SECRET}' },
    },
    b: { command: './${SECRET}', envFile: '.env', unknown: 'hush' },
    c: {
      url: 'https://${SECRET}/${SECRET}?a=${SECRET}',
      headers: { a: '${SECRET}' },
      args: ['hush'],
    },
  }
  const files = { 'project/.env': 'OTHER=hush\n' }
  const config = load(t, { mcpServers }, { env: { ...env, BERTH_UNKNOWN: 'hush' }, files })
  assert.ok(config.warnings.length >= 6, config.warnings.join('\n'))
  assert.doesNotMatch(config.warnings.join('\n'), /hush/)
  assert.doesNotMatch(config.servers.map(describeServer).join('\n'), /hush/)
})

import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

import { doorRules } from './eslint-doors.js'
import { guardedRule } from './guarded-rule.js'

// room -> what it may import beside the ground. `*/options` is every room's file of that name,
// `workers/driver` that one file. An arrow that is not in this table is a lint error; src/README.md
// draws the same table. Circles are found by `npm run circles`.
export const rooms = {
  ground: [],
  keeper: [],
  workers: ['keeper/protocol'],
  protocols: ['workers/driver'],
  auth: [],
  sessions: ['workers', 'protocols', 'auth/access'],
  proxy: ['sessions', 'protocols', 'auth'],
  bundle: ['sessions', 'protocols', 'auth', 'proxy/inner'],
  config: ['*/options', 'sessions/server', 'workers/driver', 'auth/access', 'auth/key-file'],
  admin: ['sessions', 'auth'],
  telemetry: [],
  client: [],
  demo: ['client'],
  load: [],
  cli: ['config', 'gateway', 'load', 'client', 'demo', 'auth/local-issuer', 'auth/key-file'],
}
const everything = [...Object.keys(rooms).filter((room) => room !== 'ground'), 'gateway']
// On a disk that fails these throw, or reject for nobody: two doors know what to do then.
const mayRemove = [
  ...['src/ground/removal.ts', 'src/sessions/folders/*.ts', 'src/workers/limits/cgroup-files.ts'],
  ...['src/load/**', 'src/demo/**'],
]
const removers = ['node:fs', 'node:fs/promises', 'fs', 'fs/promises'].map((name) => ({
  name,
  importNames: ['rm', 'rmSync', 'rmdir', 'rmdirSync', 'unlink', 'unlinkSync', 'default'],
  message:
    'Remove through ground/removal.ts, and what sessions leave through sessions/folders/trash.ts.',
}))
const knowFastify = ['proxy', 'admin', 'cli', 'ground']

// A throw in a callback of these rooms would end everybody's session (guarded-rule.js).
export const guardedRooms = [
  ...['proxy', 'bundle', 'sessions', 'workers', 'protocols', 'admin', 'auth', 'telemetry'].map(
    (room) => `${room}/**`,
  ),
  'gateway.ts',
]

// How deep a file may lie in its room: `src/room/a/b/c.ts` is 3.
const depths = [1, 2, 3]

const roomRules = Object.entries(rooms).flatMap(([room, allowed]) => {
  const others = everything.filter((name) => name !== room && !allowed.includes(name))
  const exceptions = allowed
    .filter((name) => name.includes('/'))
    .map((name) => name.replace('*', '[a-z]+'))
  const except = exceptions.length > 0 ? `(?!(${exceptions.join('|')})\\.ts$)` : ''
  const fastify = {
    regex: '^(fastify|@fastify/)',
    message: 'Only proxy/, admin/, ground/listener.ts and gateway.ts know Fastify.',
  }
  // A room and a folder inside a room may have the same name, so the way up is counted.
  return depths.flatMap((depth) => {
    const all = [`src/${room}/${'*/'.repeat(depth - 1)}*.ts`]
    const patterns = [
      {
        regex: `^${'\\.\\./'.repeat(depth)}${except}(${others.join('|')})(/|\\.ts$)`,
        message: `src/${room}/ may not import this room (config/eslint.config.js has the table).`,
      },
      ...(knowFastify.includes(room) ? [] : [fastify]),
    ]
    return [
      { files: all, rules: { 'no-restricted-imports': ['error', { patterns, paths: removers }] } },
      // One that is in both lists.
      {
        files: mayRemove.map((files) => [...all, files]),
        rules: { 'no-restricted-imports': ['error', { patterns }] },
      },
    ]
  })
})

export default defineConfig(
  { ignores: ['dist/**', 'node_modules/**', '.cache/**'] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Objects are closures here: no method uses `this`, so every one of them may be handed on.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'The environment is read in config/ and handed on as a value.',
        },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
      ],
    },
  },
  {
    files: ['src/config/**', 'src/cli/main.ts', 'src/demo/**', 'src/load/probes/**', 'test/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  { files: ['test/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  {
    // A test that measures time fails on a machine that has none; test/README.md says what to do.
    files: ['test/**/*.test.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        ...[
          "CallExpression[callee.name='setTimeout']",
          "ImportDeclaration[source.value='node:timers/promises'] > ImportSpecifier[imported.name='setTimeout']",
          "CallExpression[callee.object.name='AbortSignal'][callee.property.name='timeout']",
          "Property[key.name='withinMs']",
        ].map((selector) => ({
          selector,
          message: 'Wait with eventually, move a clock on, or let time pass with meanwhile.',
        })),
      ],
    },
  },
  {
    // What workers, clients, stores and the system send comes in here.
    files: guardedRooms.map((room) => `src/${room}`),
    plugins: { berth: { rules: { guarded: guardedRule } } },
    rules: { 'berth/guarded': 'error' },
  },
  ...roomRules,
  ...doorRules,
)

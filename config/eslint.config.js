import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

// room -> what it may import. Ground is the files directly under src/ but gateway.ts.
// An arrow that is not in this table is a lint error; src/README.md draws the same table.
const rooms = {
  config: ['*/options', 'sessions/server', 'workers/driver'],
  workers: [],
  protocols: ['workers/driver'],
  auth: [],
  sessions: ['workers', 'protocols'],
  proxy: ['sessions', 'protocols', 'auth'],
  admin: ['sessions', 'auth'],
  metrics: [],
  demo: [],
  load: [],
  cli: ['config', 'gateway', 'load', 'demo', 'auth/local-issuer'],
}
const everything = [...Object.keys(rooms), 'gateway']

const ground = {
  files: ['src/*.ts'],
  ignores: ['src/gateway.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { regex: `^\\./(${everything.join('|')})(/|\\.ts$)`, message: 'Ground knows no room.' },
        ],
      },
    ],
  },
}

const roomRules = Object.entries(rooms).map(([room, allowed]) => {
  const others = everything.filter((name) => name !== room && !allowed.includes(name))
  const exceptions = allowed
    .filter((name) => name.includes('/'))
    .map((name) => name.replace('*', '[a-z]+'))
  const except = exceptions.length > 0 ? `(?!(${exceptions.join('|')})\\.ts$)` : ''
  return {
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+${except}(${others.join('|')})(/|\\.ts$)`,
              message: `src/${room}/ may not import this room (config/eslint.config.js has the table).`,
            },
            ...(room === 'proxy' || room === 'admin' || room === 'cli'
              ? []
              : [
                  {
                    regex: '^(fastify|@fastify/)',
                    message: 'Only proxy/, admin/, listener.ts and gateway.ts know Fastify.',
                  },
                ]),
          ],
        },
      ],
    },
  }
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
    files: ['src/config/**', 'src/cli/main.ts', 'src/demo/**', 'test/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  { files: ['test/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  ground,
  ...roomRules,
)

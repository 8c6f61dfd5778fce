// Rules of the house that no other plugin has. Each keeps one thing behind one door.

const isRequest = (node) =>
  node?.type === 'Identifier'
    ? /^(request|req|raw|incoming)$/.test(node.name)
    : node?.type === 'MemberExpression' && isRequest(node.property)

const ofRequests = /^:?\s*(Pick<)?(FastifyRequest|IncomingMessage)\b/

/** What a request is for says its route: its URL may be read by `ground/request-target.ts` alone. */
const rawUrl = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      raw: 'What a request is says its route (proxy/routes.ts); to show its path, take writtenPath.',
    },
  },
  create(context) {
    const textOf = (node) => context.sourceCode.getText(node)
    /** Whether a pattern takes a request apart, as far as that can be seen without types. */
    const takesRequest = ({ parent, typeAnnotation }) => {
      if (typeAnnotation) return ofRequests.test(textOf(typeAnnotation))
      if (parent.type === 'VariableDeclarator') return isRequest(parent.init)
      if (parent.type === 'AssignmentExpression') return isRequest(parent.right)
      return /Function/.test(parent.type) && parent.parent.type === 'CallExpression'
    }
    return {
      MemberExpression(node) {
        const { property, object, computed } = node
        const name = computed ? property.value : property.name
        if (name === 'originalUrl' || (name === 'url' && isRequest(object))) {
          context.report({ node, messageId: 'raw' })
        }
      },
      ObjectPattern(node) {
        const names = node.properties.map(({ key }) => key?.name)
        if (names.includes('originalUrl') || (names.includes('url') && takesRequest(node))) {
          context.report({ node, messageId: 'raw' })
        }
      },
    }
  },
}

const isJson = (node) => node?.type === 'Identifier' && node.name === 'JSON'

/** What others send is parsed by `ground/json.ts` alone, which bounds what that costs. */
const parsedJson = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      parsed: 'Take parseJson or outlineJson (ground/json.ts): what others send may be long.',
    },
  },
  create(context) {
    const report = (node) => context.report({ node, messageId: 'parsed' })
    return {
      MemberExpression(node) {
        const { property, object, computed } = node
        if (isJson(object) && (computed ? property.value : property.name) === 'parse') report(node)
      },
      VariableDeclarator(node) {
        if (isJson(node.init)) report(node)
      },
    }
  },
}

/** What a terminal shows goes through `ground/screen.ts`, which `cli/run.ts` puts before it. */
const oneScreen = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      past: 'Write to the stdout or stderr that you are given; texts of servers as plain ones.',
    },
  },
  create(context) {
    const report = (node) => context.report({ node, messageId: 'past' })
    return {
      "MemberExpression[object.name='process'][property.name=/^(stdout|stderr)$/]": report,
      "MemberExpression[object.name='process'][property.value=/^(stdout|stderr)$/]": report,
      "VariableDeclarator[init.name='process'] Property[key.name=/^(stdout|stderr)$/]": report,
      "MemberExpression[object.name='console']": report,
      'ImportDeclaration[source.value=/^(node:)?(console|tty)$/]': report,
      'ImportDeclaration[source.value=/^(node:)?process$/] ImportSpecifier[imported.name=/^std/]':
        report,
    }
  },
}

export const doors = {
  rules: { 'one-screen': oneScreen, 'parsed-json': parsedJson, 'raw-url': rawUrl },
}

export const doorRules = [
  { plugins: { doors } },
  {
    files: ['src/{proxy,bundle,admin,protocols,auth,sessions,telemetry}/**', 'src/gateway.ts'],
    rules: { 'doors/raw-url': 'error' },
  },
  {
    files: ['src/{proxy,protocols,sessions,keeper,workers,admin,auth,client,load}/**'],
    rules: { 'doors/parsed-json': 'error' },
  },
  {
    files: [
      // Files that Berth has written for itself …
      'src/auth/local-issuer.ts',
      'src/workers/markers.ts',
      'src/client/remembered.ts',
      // … what the user of a command types …
      'src/client/{arguments,answers}.ts',
      'src/load/users.ts',
      // … and programs that stand in for others.
      'src/load/{probes,self-test}/**',
    ],
    rules: { 'doors/parsed-json': 'off' },
  },
  { files: ['src/**'], rules: { 'doors/one-screen': 'error' } },
  {
    // The program's beginning, and programs that are others' workers or children.
    files: ['src/cli/main.ts', 'src/demo/serve-mcp.ts', 'src/load/probes/**', 'src/keeper/main.ts'],
    rules: { 'doors/one-screen': 'off' },
  },
]

import { ESLintUtils } from '@typescript-eslint/utils'
import { AST_NODE_TYPES as is } from '@typescript-eslint/utils'

// What is called from nowhere (a timer, a tick, an event) and what nobody waits for ends the process
// when it throws: src/ground/guarded.ts says what becomes of it instead. The callback has to be one
// that cannot throw: a call of `guarded`, something that was made by one, or too little to fail.

const timers = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'])
const listening = new Set([
  'on',
  'once',
  'addListener',
  'prependListener',
  'prependOnceListener',
  'addEventListener',
])
const quietMethods = new Set(['destroy', 'unref'])

export const guardedRule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      callback:
        'What this throws would end the process: wrap it with guarded() (src/ground/guarded.ts).',
      promise:
        'What this rejects with would end the process: hand it to inBackground() (src/ground/guarded.ts).',
    },
  },
  create(context) {
    const services = ESLintUtils.getParserServices(context)
    const checker = services.program.getTypeChecker()
    const typeOf = (node) => services.getTypeAtLocation(node)

    const variableOf = (node) => {
      for (let scope = context.sourceCode.getScope(node); scope; scope = scope.upper) {
        const variable = scope.set.get(node.name)
        if (variable) return variable
      }
      return undefined
    }
    const isImported = (node) =>
      variableOf(node)?.defs.some(({ type }) => type === 'ImportBinding') === true

    const isPromise = (type) =>
      (type.isUnion() ? type.types : [type]).some((one) =>
        ['Promise', 'PromiseLike'].includes(one.getSymbol()?.name),
      )
    const emits = (node) => {
      const type = checker.getNonNullableType(typeOf(node))
      return ['removeListener', 'removeEventListener'].some((name) => type.getProperty(name))
    }

    const isGuarded = (node) =>
      node?.type === is.CallExpression &&
      node.callee.type === is.Identifier &&
      node.callee.name === 'guarded'

    /** `resolve` and `reject` of a promise, and what a call of `guarded` has made, never throw. */
    const neverThrows = (node) => {
      if (node.type !== is.Identifier) return false
      return (variableOf(node)?.defs ?? []).some(({ type, node: def }) => {
        if (type === 'Variable') return isGuarded(def.init)
        return (
          type === 'Parameter' &&
          def.parent.type === is.NewExpression &&
          def.parent.callee.name === 'Promise'
        )
      })
    }
    const isPlain = (node) =>
      node.type === is.Identifier || node.type === is.Literal || node.type === is.ObjectExpression
        ? (node.properties ?? []).every(({ value }) => value !== undefined && isPlain(value))
        : false

    const isQuiet = (node) => {
      switch (node.type) {
        case is.Identifier:
        case is.Literal:
          return true
        case is.UnaryExpression:
          return node.operator === 'void' && isQuiet(node.argument)
        case is.AssignmentExpression:
          return node.left.type === is.Identifier && isPlain(node.right)
        case is.ChainExpression:
          return isQuiet(node.expression)
        case is.CallExpression: {
          const { callee } = node
          if (callee.type === is.MemberExpression) {
            return isPlain(callee.object) && quietMethods.has(callee.property.name)
          }
          return neverThrows(callee) && node.arguments.every(isPlain)
        }
        case is.BlockStatement:
          return node.body.every(isQuiet)
        case is.ExpressionStatement:
          return isQuiet(node.expression)
        case is.ReturnStatement:
          return node.argument === null || isQuiet(node.argument)
        case is.IfStatement:
          return (
            isPlain(node.test) &&
            isQuiet(node.consequent) &&
            (node.alternate === null || isQuiet(node.alternate))
          )
        default:
          return false
      }
    }
    const isSafe = (node) => {
      if (node === undefined) return true
      if (isGuarded(node) || neverThrows(node)) return true
      if (node.type === is.Identifier && node.name === 'undefined') return true
      const isFunction =
        node.type === is.ArrowFunctionExpression || node.type === is.FunctionExpression
      return isFunction && !node.async && isQuiet(node.body)
    }

    const checkCallback = (node) => {
      if (!isSafe(node)) context.report({ node, messageId: 'callback' })
    }

    /** A promise with a handler for its rejection is as safe as that handler, and the one before. */
    const isHandled = (node) => {
      if (node.type !== is.CallExpression || node.callee.type !== is.MemberExpression) return false
      const { name } = node.callee.property
      const [first, second] = node.arguments
      if (name === 'catch') return isSafe(first)
      return name === 'then' && node.arguments.length === 2 && isSafe(first) && isSafe(second)
    }

    return {
      'UnaryExpression[operator="void"]'(node) {
        const { argument } = node
        if (isPromise(typeOf(argument)) && !isHandled(argument)) {
          context.report({ node, messageId: 'promise' })
        }
      },
      ExpressionStatement({ expression }) {
        if (expression.type !== is.CallExpression) return
        if (isPromise(typeOf(expression)) && !isHandled(expression)) {
          context.report({ node: expression, messageId: 'promise' })
        }
      },
      CallExpression(node) {
        const { callee } = node
        if (callee.type === is.Identifier) {
          if (timers.has(callee.name) && !isImported(callee)) checkCallback(node.arguments[0])
          return
        }
        if (callee.type !== is.MemberExpression || callee.property.type !== is.Identifier) return
        const { object, property } = callee
        const isTick = object.type === is.Identifier && object.name === 'process'
        if (isTick && property.name === 'nextTick') checkCallback(node.arguments[0])
        else if (listening.has(property.name) && node.arguments.length > 1 && emits(object)) {
          checkCallback(node.arguments[1])
        }
      },
    }
  },
}

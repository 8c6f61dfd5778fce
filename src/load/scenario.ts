import { parse, stringify } from 'yaml'

import { messageOf } from '../ground/errors.ts'
import { isObject } from '../ground/objects.ts'
import type { ScenarioTool } from './drive/plan.ts'
import type { ListedTool } from './target.ts'

const keys = ['name', 'arguments', 'weight', 'thinkMs', 'echoes']

/** @throws an error that names the mistake */
export function readScenario(text: string, file: string): ScenarioTool[] {
  const fail = (why: string): never => {
    throw new Error(`${file} is no scenario: ${why}`)
  }
  let content: unknown
  try {
    content = parse(text)
  } catch (error) {
    fail(messageOf(error))
  }
  const tools = isObject(content) ? content['tools'] : undefined
  if (!Array.isArray(tools) || tools.length === 0) {
    return fail('it has to have a list "tools" with at least one entry.')
  }
  return tools.map((tool: unknown, at) => {
    const where = `tools[${at}]`
    if (!isObject(tool) || typeof tool['name'] !== 'string') return fail(`${where} has no name.`)
    const unknown = Object.keys(tool).find((key) => !keys.includes(key))
    if (unknown !== undefined) {
      return fail(`${where}.${unknown} is unknown; there are ${keys.join(', ')}.`)
    }
    const { arguments: args = {}, weight = 1, thinkMs = 0, echoes = false } = tool
    if (!isObject(args)) return fail(`${where}.arguments has to be an object.`)
    if (typeof weight !== 'number' || !(weight > 0))
      return fail(`${where}.weight has to be above 0.`)
    if (typeof thinkMs !== 'number' || !(thinkMs >= 0)) {
      return fail(`${where}.thinkMs has to be a number of milliseconds.`)
    }
    if (typeof echoes !== 'boolean') return fail(`${where}.echoes has to be true or false.`)
    return { name: tool['name'], arguments: args, weight, thinkMs, echoes }
  })
}

/** A scenario to begin with, made of what a server says of its tools. */
export function scenarioSkeleton(tools: readonly ListedTool[]): string {
  const entries = tools.map(({ name, inputSchema = {} }) => ({
    name,
    arguments: exampleOf(inputSchema, 0),
    weight: 1,
    thinkMs: 0,
    echoes: false,
  }))
  return `# A scenario for mcp-berth load: take out what must not be called, and set echoes: true where the
# answer repeats what was asked, or answered to a question of the server; without any, there is too
# little evidence for a PASS. \${canary} is the secret of the session, and different in each.
${stringify({ tools: entries })}`
}

const deepest = 6

function exampleOf(schema: Record<string, unknown>, depth: number): unknown {
  const { type, enum: choices, default: usual, properties, required, items, minimum } = schema
  if (usual !== undefined) return usual
  if (Array.isArray(choices)) return choices[0] as unknown
  if ('const' in schema) return schema['const']
  const either = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(either) && isObject(either[0])) return exampleOf(either[0], depth + 1)
  switch (Array.isArray(type) ? (type[0] as unknown) : type) {
    case 'string':
      return '${canary}'
    case 'number':
    case 'integer':
      return typeof minimum === 'number' ? minimum : 1
    case 'boolean':
      return false
    case 'array':
      return isObject(items) && depth < deepest ? [exampleOf(items, depth + 1)] : []
    default: {
      const needed = Array.isArray(required) ? (required as unknown[]) : []
      const fields = isObject(properties) ? Object.entries(properties) : []
      return Object.fromEntries(
        fields
          .filter(([name]) => needed.includes(name) && depth < deepest)
          .map(([name, field]) => [name, isObject(field) ? exampleOf(field, depth + 1) : null]),
      )
    }
  }
}

import type { RpcMessage } from '../../ground/jsonrpc.ts'

/** What a client with this canary answers to a request of the server. */
export function answerTo(request: RpcMessage, canary: string): Partial<RpcMessage> {
  const { method, params = {} } = request
  switch (method ?? '') {
    case 'ping':
      return { result: {} }
    case 'roots/list':
      return { result: { roots: [] } }
    case 'elicitation/create':
      return { result: elicited(params, canary) }
    case 'sampling/createMessage':
      return {
        result: {
          role: 'assistant',
          model: 'load',
          stopReason: 'endTurn',
          content: { type: 'text', text: canary },
        },
      }
    default:
      return { error: { code: -32601, message: `This client knows no ${method ?? 'method'}.` } }
  }
}

interface Field {
  type?: string
  enum?: unknown[]
  oneOf?: { const?: unknown }[]
  minimum?: number
  default?: unknown
  format?: string
  items?: { enum?: unknown[]; anyOf?: { const?: unknown }[] }
}

function elicited(params: Record<string, unknown>, canary: string): object {
  const schema = params['requestedSchema'] as { properties?: Record<string, Field> } | undefined
  // Nobody is there to open a page.
  if (schema === undefined) return { action: 'decline' }
  const content = Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([key, field]) => [key, valueFor(field, canary)]),
  )
  return { action: 'accept', content }
}

/** The canary wherever the schema leaves room for a text, and else something that it allows. */
function valueFor(field: Field, canary: string): unknown {
  const choice = field.enum?.[0] ?? field.oneOf?.[0]?.const
  if (choice !== undefined) return choice
  switch (field.type ?? 'string') {
    case 'boolean':
      return field.default ?? true
    case 'number':
    case 'integer':
      return field.default ?? field.minimum ?? 1
    case 'array': {
      const item = field.items?.enum?.[0] ?? field.items?.anyOf?.[0]?.const
      return item === undefined ? [] : [item]
    }
    default:
      return textFor(field.format, canary)
  }
}

function textFor(format: string | undefined, canary: string): string {
  switch (format ?? '') {
    case 'email':
      return `${canary}@example.com`
    case 'uri':
      return `https://example.com/${canary}`
    case 'date':
      return '2026-01-31'
    case 'date-time':
      return '2026-01-31T12:00:00Z'
    default:
      return canary
  }
}

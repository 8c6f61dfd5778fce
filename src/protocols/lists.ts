/** The lists that a client may ask a server for. */
export const listKinds = ['tools', 'prompts', 'resources', 'templates'] as const
export type ListKind = (typeof listKinds)[number]

export interface ListWords {
  /** With which it is asked for. */
  method: string
  /** Of the result that holds it. */
  member: string
  /** By which its entries are told apart: a name, a URI, or what stands for many. */
  key: string
  /** Which a server has that has such a list; what may be used, and what changes, is told by it too. */
  capability: 'tools' | 'prompts' | 'resources'
}

/** How each is written: @see https://modelcontextprotocol.io/specification/2025-11-25/server */
export const listsOf: Readonly<Record<ListKind, ListWords>> = {
  tools: { method: 'tools/list', member: 'tools', key: 'name', capability: 'tools' },
  prompts: { method: 'prompts/list', member: 'prompts', key: 'name', capability: 'prompts' },
  resources: {
    method: 'resources/list',
    member: 'resources',
    key: 'uri',
    capability: 'resources',
  },
  templates: {
    method: 'resources/templates/list',
    member: 'resourceTemplates',
    key: 'uriTemplate',
    capability: 'resources',
  },
}

/** Which list a request asks for; undefined for one that asks for none. */
export const kindOfList = (method: unknown): ListKind | undefined =>
  listKinds.find((kind) => listsOf[kind].method === method)

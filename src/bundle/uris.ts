import type { Entry } from './catalogue.ts'

/** Where a URI leads to: the server, and what it calls it. */
export interface Place {
  server: string
  uri: string
}

/** Of two servers with one URI the first has it, and this stands before that of the other one. */
const aliasOf = (server: string, uri: string): string => `berth:${server}:${uri}`

/** The URIs of a bundle. */
export interface UriTable {
  /** What clients see for a URI of a server, in lists and in news. */
  shown(server: string, uri: string): string
  /** Where a URI leads to; undefined where nobody can tell. */
  placeOf(uri: string): Place | undefined
}

export interface Uris {
  server: string
  resources: readonly Entry[]
  templates: readonly Entry[]
}

/** @param all in the order of the servers; those that have resources at all */
export function uriTable(all: readonly Uris[]): UriTable {
  const owners = new Map<string, string>()
  const templates: { server: string; uri: string; literals: readonly string[] }[] = []
  for (const { server, resources } of all) {
    for (const { uri } of resources) {
      if (typeof uri === 'string' && !owners.has(uri)) owners.set(uri, server)
    }
  }
  for (const { server, templates: own } of all) {
    for (const { uriTemplate: uri } of own) {
      if (typeof uri !== 'string') continue
      if (!owners.has(uri)) owners.set(uri, server)
      templates.push({ server, uri, literals: literalsOf(uri) })
    }
  }
  const servers = new Set(all.map(({ server }) => server))

  return {
    shown(server, uri) {
      const owner = owners.get(uri)
      return owner === undefined || owner === server ? uri : aliasOf(server, uri)
    },

    placeOf(uri) {
      const [, named = '', own = ''] = /^berth:([^:]+):(.+)$/s.exec(uri) ?? []
      if (servers.has(named)) return { server: named, uri: own }
      const owner = owners.get(uri)
      if (owner !== undefined) return { server: owner, uri }
      const fitting = templates.find(({ literals }) => fits(literals, uri))
      if (fitting !== undefined) return { server: fitting.server, uri }
      const [only, ...more] = servers
      return only !== undefined && more.length === 0 ? { server: only, uri } : undefined
    },
  }
}

/** The texts between the placeholders of a template (RFC 6570). */
const literalsOf = (template: string): readonly string[] => template.split(/\{[^{}]*\}/)

/** Each text is looked for once, behind the one before: no template makes this slow. */
function fits(literals: readonly string[], uri: string): boolean {
  const [first = '', ...rest] = literals
  const last = rest.pop()
  if (last === undefined) return uri === first
  if (!uri.startsWith(first)) return false
  let at = first.length
  for (const literal of rest) {
    const found = uri.indexOf(literal, at)
    if (found === -1) return false
    at = found + literal.length
  }
  return uri.length - last.length >= at && uri.endsWith(last)
}

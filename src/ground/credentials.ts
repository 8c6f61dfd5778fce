/** What a value of the configuration takes from who opens a session, or from the secrets. */
export interface Credential {
  readonly kind: 'claim' | 'secret' | 'userSecret' | 'header'
  /** Of a claim, a secret or a header, as it was written. */
  readonly name: string
}

/** A text with such places in it; a text alone is a template, too. */
export type Template = readonly (string | Credential)[]

/** What a server takes for each of its sessions. It has no value in it. */
export interface ServerCredentials {
  /** Variables of a worker, by name. */
  readonly env: Readonly<Record<string, Template>>
  /** Headers that a remote server gets, by name in lower case. */
  readonly headers: Readonly<Record<string, Template>>
  /** Headers of a client that are for these templates alone, in lower case: no worker sees them. */
  readonly clientHeaders: readonly string[]
}

/** What became of the templates for one session. Secret: it stays in memory. */
export interface ResolvedCredentials {
  readonly env: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

/** As it is written in the configuration. */
export function placeholderOf({ kind, name }: Credential): string {
  return kind === 'claim' ? `\${claims.${name}}` : `\${${kind}:${name}}`
}

/** Every place in the templates of a server, each once. */
export function credentialsOf(server: ServerCredentials | undefined): Credential[] {
  if (server === undefined) return []
  const templates = [...Object.values(server.env), ...Object.values(server.headers)]
  const places = templates.flat().filter((part) => typeof part !== 'string')
  return [...new Map(places.map((place) => [placeholderOf(place), place])).values()]
}

/** Whether it depends on who opens the session. */
export const isOfCaller = ({ kind }: Credential): boolean => kind !== 'secret'

/** The characters that the value of a header may have. */
export const isHeaderValue = (text: string): boolean => /^[\t\x20-\x7e\x80-\xff]*$/.test(text)

export const isHeaderName = (text: string): boolean => /^[!#$%&'*+.^_`|~\w-]+$/.test(text)

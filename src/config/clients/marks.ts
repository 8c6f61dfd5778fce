import { isMap, type Tree } from '../check.ts'

/** Whose words and placeholders the servers of a file are written in. */
export type Dialect = 'braces' | 'dollar' | 'mustache' | 'secrets'

/** Another program whose configuration has servers in it, and how its file is told from others. */
export interface Client {
  /** As people call it. */
  name: string
  /** Keys at the top that are its own and nobody else's here. */
  marks: readonly string[]
  /** The same for keys that are many. */
  markPattern?: RegExp
  /** Keys at the top that are settings of Berth elsewhere, and of this program here. */
  taken?: readonly string[]
  /** Where the servers stand, when not under `mcpServers` or `servers`. The first that fits. */
  places?: readonly (readonly string[])[]
  /**
   * Which placeholders it fills beside `${NAME}`: `{env:NAME}` and `{file:PATH}` (braces), `$NAME`
   * (dollar), `${{ secrets.NAME }}` (secrets), `{{NAME}}` (mustache, which Berth cannot fill).
   */
  dialect?: Dialect
}

/**
 * Who writes what. A file is the first one's of which it has a mark, or servers in its place.
 *
 * @see https://opencode.ai/docs/mcp-servers, https://zed.dev/docs/ai/mcp,
 * https://geminicli.com/docs/tools/mcp-server, https://docs.continue.dev/reference,
 * https://www.librechat.ai/docs/configuration/librechat_yaml, https://code.claude.com/docs/en/mcp
 */
export const clients: readonly Client[] = [
  {
    name: 'Claude Desktop',
    marks: [
      ...['globalShortcut', 'preferences', 'isUsingBuiltInNodeForMcp', 'isDxtAutoUpdatesEnabled'],
      ...['userThemeMode', 'coworkUserFilesPath', 'allowAllBrowserActions', 'darwinUpdateChannel'],
    ],
  },
  {
    name: 'Claude Code',
    marks: [
      ...['projects', 'numStartups', 'installMethod', 'autoUpdates', 'oauthAccount', 'userID'],
      ...['tipsHistory', 'firstStartTime', 'hasCompletedOnboarding', 'customApiKeyResponses'],
      ...['enabledMcpjsonServers', 'enableAllProjectMcpServers', 'permissions', 'hooks'],
    ],
  },
  {
    name: 'opencode',
    marks: ['provider', 'keybinds', 'small_model', 'autoupdate', 'disabled_providers', 'snapshot'],
    places: [['mcp', 'servers'], ['mcp']],
    dialect: 'braces',
  },
  {
    name: 'Crush',
    marks: ['providers', 'lsp', 'options'],
    places: [['mcp']],
    dialect: 'dollar',
  },
  { name: 'Zed', marks: ['context_servers'], places: [['context_servers']], taken: ['log'] },
  {
    name: 'Gemini CLI',
    marks: [
      ...['security', 'selectedAuthType', 'general', 'ui', 'contextFileName', 'hideTips'],
      ...['usageStatisticsEnabled', 'preferredEditor', 'coreTools', 'excludeTools', 'ide'],
    ],
    taken: ['admin'],
    dialect: 'dollar',
  },
  {
    name: 'LibreChat',
    marks: ['endpoints', 'mcpSettings', 'modelSpecs', 'fileConfig', 'registration', 'fileStrategy'],
    dialect: 'mustache',
  },
  {
    name: 'Continue',
    marks: ['models', 'rules', 'prompts', 'slashCommands', 'tabAutocompleteModel'],
    dialect: 'secrets',
  },
  {
    name: 'Goose',
    marks: ['extensions'],
    markPattern: /^GOOSE_/,
    places: [['extensions']],
    dialect: 'dollar',
  },
  { name: 'Amp', marks: [], markPattern: /^amp\./, places: [['amp.mcpServers']] },
  {
    name: 'VS Code',
    marks: ['settings', 'folders', 'customizations'],
    markPattern: /^\[[\w-]+\]|^[a-z][\w-]*\.[\w.-]+$/i,
    places: [
      ...[['mcp', 'servers'], ['mcp.servers'], ['settings', 'mcp', 'servers']],
      ...[
        ['settings', 'mcp.servers'],
        ['customizations', 'vscode', 'mcp', 'servers'],
      ],
    ],
  },
]

const named: readonly [RegExp, string][] = [
  [/opencode\.ai/, 'opencode'],
  [/charm\.land\/crush/, 'Crush'],
  [/gemini-cli/, 'Gemini CLI'],
]

/**
 * Whose file it is by these of its keys and by where its servers stand; undefined: nobody's that is
 * known, or Berth's own.
 *
 * @param isCertain only marks count that nobody writes by mistake
 */
export function clientOf(
  tree: Tree,
  keys: readonly string[],
  { isCertain }: { isCertain: boolean },
): Client | undefined {
  const { $schema: schema } = tree
  const [, name] =
    typeof schema === 'string' ? (named.find(([pattern]) => pattern.test(schema)) ?? []) : []
  const told = clients.find((client) => client.name === name)
  if (told !== undefined) return told
  const counting = isCertain ? keys.filter((key) => /[A-Z_.[]/.test(key)) : keys
  const marked = clients.filter((client) => counting.some((key) => isMark(client, key)))
  return marked.find((client) => placeIn(tree, client) !== undefined) ?? marked[0] ?? placed(tree)
}

export function isMark({ marks, markPattern }: Client, key: string): boolean {
  return marks.includes(key) || markPattern?.test(key) === true
}

function placed(tree: Tree): Client | undefined {
  const [first, ...more] = clients.filter((client) => placeIn(tree, client) !== undefined)
  // A command that is a list is how one of those writes it that have them in the same place.
  const place = first === undefined ? undefined : placeIn(tree, first)
  const entries = Object.values(place === undefined ? {} : (at(tree, place) as Tree))
  const hasLists = entries.some((entry) => isMap(entry) && Array.isArray(entry.command))
  return hasLists ? first : (more.find(({ name }) => name !== 'opencode') ?? first)
}

/** Where in the file the client's servers stand, if they do. */
export function placeIn(tree: Tree, { places }: Client): readonly string[] | undefined {
  return places?.find((place) => hasEntries(at(tree, place)))
}

export function at(tree: Tree, place: readonly string[]): unknown {
  return place.reduce<unknown>((value, key) => (isMap(value) ? value[key] : undefined), tree)
}

/** `source` is how Zed has those of its extensions. */
const startKeys = ['command', 'cmd', 'url', 'uri', 'httpUrl', 'serverUrl', 'source']

/** Whether it is a map of servers, by what they need. */
export function hasEntries(value: unknown): value is Tree {
  if (!isMap(value)) return false
  const entries = Object.values(value)
  return entries.some((entry) => isMap(entry) && startKeys.some((key) => key in entry))
}

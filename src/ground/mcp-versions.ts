/**
 * The versions of MCP whose sessions are served, the newest first. Servers and clients agree on one
 * of them, or on another one of their own, when a session is opened.
 */
export const mcpVersions: readonly string[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
]

/** `error.data` for who speaks another one. */
export const supportedVersions = { supported: mcpVersions }

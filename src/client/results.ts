import type {
  CallToolResult,
  ContentBlock,
  PromptMessage,
  ReadResourceResult,
} from '@modelcontextprotocol/sdk/types.js'

import { bytesInWords, plainLine } from '../ground/terminal.ts'

/** The result of a tool, to be read by a person. */
export function resultText({ content, structuredContent }: CallToolResult): string {
  const hasText = content.some(({ type }) => type === 'text')
  const parts = content.map(contentText)
  if (!hasText && structuredContent !== undefined) {
    parts.push(JSON.stringify(structuredContent, undefined, 2))
  }
  return parts.join('\n')
}

/** Text as it is; everything else by its name and size. */
export function contentText(content: ContentBlock): string {
  switch (content.type) {
    case 'text':
      return content.text
    case 'image':
    case 'audio':
      return `[${content.type} ${plainLine(content.mimeType)}, ${base64Size(content.data)}]`
    case 'resource_link': {
      const size = content.size === undefined ? '' : `, ${bytesInWords(content.size)}`
      return `[link ${plainLine(content.name)} ${plainLine(content.uri)}${size}]`
    }
    case 'resource':
      return resourceName(content.resource)
  }
}

export function promptText(messages: PromptMessage[]): string {
  return messages.map(({ role, content }) => `${role}: ${contentText(content)}`).join('\n')
}

type ResourceContents = ReadResourceResult['contents'][number]

/** `[resource file:///a.txt text/plain, 12 bytes]` */
export function resourceName(resource: ResourceContents): string {
  const type = resource.mimeType === undefined ? '' : ` ${plainLine(resource.mimeType)}`
  const size =
    'text' in resource ? bytesInWords(Buffer.byteLength(resource.text)) : base64Size(resource.blob)
  return `[resource ${plainLine(resource.uri)}${type}, ${size}]`
}

function base64Size(data: string): string {
  return bytesInWords(Buffer.byteLength(data, 'base64'))
}

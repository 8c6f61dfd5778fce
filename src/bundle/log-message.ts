/** A log message of the gateway's own, for the client. */
export const logMessage = (data: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/message',
    params: { level: 'warning', logger: 'berth', data },
  })

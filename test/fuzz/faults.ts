/**
 * Tells of what nobody has caught. The process goes on, so that every such fault is seen; what the
 * product does about them is tested elsewhere.
 */
export function watchFaults(onFault: (text: string) => void): void {
  const told = (kind: string) => (thrown: unknown) => {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    onFault(`${kind}: ${text.slice(0, 3000)}`)
  }
  process.on('uncaughtException', told('uncaught exception'))
  process.on('unhandledRejection', told('unhandled rejection'))
}

/** What is told of a handover, to whoever takes over and at this gateway's terminal. */
export interface HandoverNews {
  /** Of the gateway that hands over. */
  pid: number
  /** Requests that it is still answering. */
  exchanges: number
}

/** A gateway's part in handing its addresses over to a newer one. */
export interface Handover {
  /** Closes the listening sockets at once. */
  begin(): HandoverNews
  /** Whoever asked has been answered. */
  end(news: HandoverNews): void
  /** Settles then, or never: the gateway has to be closed. */
  readonly done: Promise<HandoverNews>
}

export interface HandoverOptions {
  /** Closes every listening socket. */
  stopListening(): void
  openExchanges(): number
}

export function createHandover({ stopListening, openExchanges }: HandoverOptions): Handover {
  let end: Handover['end'] = () => undefined
  const done = new Promise<HandoverNews>((resolve) => {
    end = resolve
  })
  return {
    begin() {
      stopListening()
      return { pid: process.pid, exchanges: openExchanges() }
    },
    end,
    done,
  }
}

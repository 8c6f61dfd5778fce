/** What node:test reports; only what is looked at here. */
export interface TestEvent {
  type: string
  data: {
    name?: string
    nesting?: number
    file?: string
    line?: number
    column?: number
    message?: string
    skip?: boolean | string
    todo?: boolean | string
    details?: {
      type?: string
      duration_ms?: number
      error?: Error & { failureType?: string; exitCode?: number | null; signal?: string | null }
    }
  }
}

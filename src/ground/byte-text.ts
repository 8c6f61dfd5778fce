/*
 * Streams are looked into as strings of bytes (latin1): to search one costs a fraction of what it costs
 * in a buffer, and a letter of several bytes may be cut in two.
 */

/** @param bytes UTF-8. Most of what servers send is ASCII, for which the bytes are the text. */
export const textOfBytes = (bytes: string): string =>
  /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes

export const bytesOfText = (text: string): string => Buffer.from(text).toString('latin1')

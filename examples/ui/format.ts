/** 0.873 -> "87 %". */
export const percent = (p: number): string => `${Math.round(p * 100)} %`;

/** 812.4 -> "812 ms", 4210 -> "4.2 s". */
export const duration = (ms: number): string =>
  ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;

/** 3 -> "3 faces". */
export const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** 7952372 -> "8.0 MB". */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** A whole number with a real minus sign. */
export const signed = (value: number): string => `${value < 0 ? '\u2212' : ''}${Math.abs(Math.round(value))}`;

/** Two decimals with a real minus sign. */
export const decimal = (value: number): string => `${value < 0 ? '\u2212' : ''}${Math.abs(value).toFixed(2)}`;

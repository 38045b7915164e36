/** Lines and columns. */
export type Block = readonly [lines: number, columns: number];

export interface Unrolling {
  readonly kernel: Block;
  readonly stride: number;
  /** Of the result, that one invocation computes. */
  readonly block: Block;
}

/**
 * The sums of depthwise.wgsl, written out tap by tap: a loop over the taps took six times as long on SwiftShader, which
 * neither unrolls it nor keeps what neighbouring windows share.
 */
export function depthwiseSums({ kernel, stride, block }: Unrolling): string {
  const [kernelLines, kernelColumns] = kernel;
  const [lines, columns] = block;
  const count = (length: number) => Array.from({ length }, (_, i) => i);
  const sum = (i: number, j: number) => `sums.s${i * columns + j}`;
  const load = (line: number, column: number) =>
    `let w${line}_${column} = widen(weight[${line * kernelColumns + column}u * size.c4 + channel]);`;
  const weights = (line: number) => count(kernelColumns).map((column) => load(line, column));
  /** What line `from` of the map adds, counted from the block's first. */
  const readLine = (from: number) => {
    const targets = count(lines).filter((i) => from - i * stride >= 0 && from - i * stride < kernelLines);
    return [
      `if (u32(top + ${from}) < size.height) {`,
      `let line = start + u32(top + ${from}) * size.width * size.c4;`,
      ...(lines === 1 ? weights(from) : []),
      ...count((columns - 1) * stride + kernelColumns).map((j) => `let x${j} = pixel(line, left + ${j});`),
      ...targets.flatMap((i) =>
        count(columns).flatMap((j) =>
          count(kernelColumns).map((tap) => {
            const [w, v] = [`w${from - i * stride}_${tap}`, `x${j * stride + tap}`];
            return `${sum(i, j)} = fma(${v}, ${w}, ${sum(i, j)});`;
          }),
        ),
      ),
      '}',
    ];
  };
  return [
    'struct Sums {',
    ...count(lines * columns).map((i) => `s${i}: vec4f,`),
    '}',
    'fn sums_of(start: u32, top: i32, left: i32, channel: u32) -> Sums {',
    'var sums: Sums;',
    // Lines of a block share weights.
    ...(lines > 1 ? count(kernelLines).flatMap(weights) : []),
    ...count((lines - 1) * stride + kernelLines).flatMap(readLine),
    'return sums;',
    '}',
    'fn store_all(sums: Sums, face: u32, line: u32, column: u32, channel: u32) {',
    ...count(lines).flatMap((i) =>
      count(columns).map((j) => `store(face, line + ${i}u, column + ${j}u, channel, ${sum(i, j)});`),
    ),
    '}',
    '',
  ].join('\n');
}

// Weights as integers of -127..127, four in a word; `unpack4x8snorm` divides by 127, which the column's scale makes good.

alias Packed = u32;

fn widen(weight: Packed) -> vec4f {
  return unpack4x8snorm(weight);
}

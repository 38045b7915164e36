// Weights as half precision, two in a word: half the bytes; every half is a float32.

alias Packed = vec2u;

fn widen(weight: Packed) -> vec4f {
  return vec4f(unpack2x16float(weight.x), unpack2x16float(weight.y));
}

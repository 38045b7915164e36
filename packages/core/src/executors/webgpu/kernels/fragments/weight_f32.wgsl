// Weights as float32.

alias Packed = vec4f;

fn widen(weight: Packed) -> vec4f {
  return weight;
}

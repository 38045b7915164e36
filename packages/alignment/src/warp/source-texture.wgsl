// A picture that was copied to a texture.
@group(0) @binding(0) var picture: texture_2d<f32>;

fn picture_size() -> vec2i {
  return vec2i(textureDimensions(picture));
}

fn load_pixel(at: vec2i) -> vec3f {
  return textureLoad(picture, at, 0).rgb;
}

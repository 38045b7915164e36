// A frame of a video, read where the decoder left it.
@group(0) @binding(0) var picture: texture_external;

fn picture_size() -> vec2i {
  return vec2i(textureDimensions(picture));
}

fn load_pixel(at: vec2i) -> vec3f {
  return textureLoad(picture, at).rgb;
}

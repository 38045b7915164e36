// Aligned crops of all faces of one picture, straight into the network's input.
//
//   crops[f, c, j, i] = 2 * bilinear(means of blocks of k x k pixels, A_f (i + 1/2, j + 1/2))[c] - 1
//
// A_f maps continuous crop pixels to continuous picture pixels (rows x and y); k = A_f's block. Blocks start at the
// picture's corner; one that the edge cuts is the mean of the pixels it has. Beyond the edge the blocks are mirrored:
// c b a | a b c. The CPU warp computes the same.
//
// Layout: crops [faces, 3, 112, 112] f32. Parameters of a face are padded to 256 bytes, so that a binding may begin at
// any face. One invocation: one pixel of one crop, its three channels. Grid: (112 / 8, 112 / 8, faces).
// The function load_pixel and the binding 0 come from source-texture.wgsl or source-external.wgsl.

const SIZE = 112u;

struct Face {
  x: vec4f, // row x of A_f, then k
  @size(240) y: vec4f, // row y of A_f, then 0
}

@group(0) @binding(1) var<storage, read> faces: array<Face>;
@group(0) @binding(2) var<storage, read_write> crops: array<f32>;

fn block_mean(at: vec2i, k: i32, size: vec2i) -> vec3f {
  let blocks = (size + k - 1) / k;
  let turn = ((at % (2 * blocks)) + 2 * blocks) % (2 * blocks);
  let first = min(turn, 2 * blocks - 1 - turn) * k;
  let last = min(first + k, size);
  var sum = vec3f(0);
  for (var y = first.y; y < last.y; y++) {
    for (var x = first.x; x < last.x; x++) {
      sum += load_pixel(vec2i(x, y));
    }
  }
  return sum / f32((last.x - first.x) * (last.y - first.y));
}

@compute @workgroup_size(8, 8, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SIZE || id.y >= SIZE) {
    return;
  }
  let face = faces[id.z];
  let size = picture_size();
  let pixel = vec3f(vec2f(id.xy) + 0.5, 1);
  let k = face.x.w;
  let point = vec2f(dot(face.x.xyz, pixel), dot(face.y.xyz, pixel)) / k - 0.5;
  let corner = floor(point);
  let weight = point - corner;
  let at = vec2i(corner);
  let top = mix(block_mean(at, i32(k), size), block_mean(at + vec2i(1, 0), i32(k), size), weight.x);
  let bottom = mix(block_mean(at + vec2i(0, 1), i32(k), size), block_mean(at + vec2i(1, 1), i32(k), size), weight.x);
  let rgb = mix(top, bottom, weight.y) * 2 - 1;
  let to = (id.z * 3 * SIZE + id.y) * SIZE + id.x;
  crops[to] = rgb.r;
  crops[to + SIZE * SIZE] = rgb.g;
  crops[to + 2 * SIZE * SIZE] = rgb.b;
}

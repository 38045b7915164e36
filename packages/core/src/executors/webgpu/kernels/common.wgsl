// Shared by every kernel.

struct Run {
  /// Faces in this call, 1..maxFaces. Sizes that depend on nothing else are constants of the pipeline.
  faces: u32,
}

@group(0) @binding(0) var<uniform> run: Run;

/// Rank of a workgroup among all, whichever way the dispatch was folded to respect the limit per dimension.
/// The last row of the fold may be ragged: kernels ignore ranks past their work.
fn group_rank(group: vec3u, groups: vec3u) -> u32 {
  return group.y * groups.x + group.x;
}

"""SwinFace in PyTorch, for comparing the time of a training step. Names are the checkpoint's.

Usage: pytorch.py FOLDER, which holds config.json, weights.pt, images.f32 and settings.json; prints one line of JSON and
writes outputs.f32: the embedding and the logits in evaluation mode, so that both sides are known to be one network.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F

folder = sys.argv[1]
config = json.load(open(f"{folder}/config.json"))
settings = json.load(open(f"{folder}/settings.json"))
torch.set_num_threads(settings["threads"])
B, WINDOW, EPS = settings["batch"], config["window"], 2e-5
state = {
    f"{part.removeprefix('state_dict_')}.{name}": value
    for part, tensors in torch.load(f"{folder}/weights.pt").items()
    for name, value in tensors.items()
}
running = {name: value for name, value in state.items() if "running_" in name}
params = {name: value.clone().requires_grad_() for name, value in state.items() if name not in running}
images = torch.frombuffer(bytearray(open(f"{folder}/images.f32", "rb").read()), dtype=torch.float32).view(B, 3, 112, 112)


def linear(x, name):
    return F.linear(x, params[f"{name}.weight"], params.get(f"{name}.bias"))


def layer_norm(x, name):
    return F.layer_norm(x, x.shape[-1:], params[f"{name}.weight"], params[f"{name}.bias"], 1e-5)


def batch_norm(x, name, training):
    mean, var = running[f"{name}.running_mean"], running[f"{name}.running_var"]
    return F.batch_norm(x, mean, var, params[f"{name}.weight"], params[f"{name}.bias"], training, 0.1, EPS)


def relative_index():
    coords = torch.stack(torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")).flatten(1)
    relative = (coords[:, :, None] - coords[:, None, :]).permute(1, 2, 0) + WINDOW - 1
    return (relative[..., 0] * (2 * WINDOW - 1) + relative[..., 1]).flatten()


INDEX = relative_index()


def to_windows(x):
    b, h, w, c = x.shape
    x = x.view(b, h // WINDOW, WINDOW, w // WINDOW, WINDOW, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, WINDOW * WINDOW, c)


def from_windows(x, b, size):
    n = size // WINDOW
    return x.view(b, n, n, WINDOW, WINDOW, -1).permute(0, 1, 3, 2, 4, 5).reshape(b, size, size, -1)


def shift_mask(size, shift):
    regions = torch.zeros(1, size, size, 1)
    count = 0
    cuts = (slice(0, -WINDOW), slice(-WINDOW, -shift), slice(-shift, None))
    for rows in cuts:
        for columns in cuts:
            regions[:, rows, columns] = count
            count += 1
    ids = to_windows(regions).squeeze(-1)
    return (ids[:, None] != ids[:, :, None]).float() * -100.0


def attention(x, name, size, heads, shift, mask):
    b, _, c = x.shape
    x = x.view(b, size, size, c)
    if shift:
        x = torch.roll(x, (-shift, -shift), (1, 2))
    windows = to_windows(x)
    n = windows.shape[0]
    qkv = linear(windows, f"{name}.qkv").view(n, WINDOW**2, 3, heads, c // heads).permute(2, 0, 3, 1, 4)
    scores = (qkv[0] * (c // heads) ** -0.5) @ qkv[1].transpose(-2, -1)
    bias = params[f"{name}.relative_position_bias_table"][INDEX].view(WINDOW**2, WINDOW**2, heads).permute(2, 0, 1)
    scores = scores + bias
    if shift:
        scores = (scores.view(b, -1, heads, WINDOW**2, WINDOW**2) + mask[None, :, None]).view_as(scores)
    mixed = (scores.softmax(-1) @ qkv[2]).transpose(1, 2).reshape(n, WINDOW**2, c)
    x = from_windows(linear(mixed, f"{name}.proj"), b, size)
    if shift:
        x = torch.roll(x, (shift, shift), (1, 2))
    return x.reshape(b, size * size, c)


MASKS = {}


def backbone(x):
    x = F.conv2d(x, params["backbone.patch_embed.proj.weight"], params["backbone.patch_embed.proj.bias"], stride=config["patch"])
    size = x.shape[-1]
    x = layer_norm(x.flatten(2).transpose(1, 2), "backbone.patch_embed.norm")
    levels = []
    for stage, depth in enumerate(config["depths"]):
        for block in range(depth):
            name = f"backbone.layers.{stage}.blocks.{block}"
            shift = WINDOW // 2 if block % 2 == 1 and size > WINDOW else 0
            mask = MASKS.setdefault(size, shift_mask(size, shift)) if shift else None
            x = x + attention(layer_norm(x, f"{name}.norm1"), f"{name}.attn", size, config["heads"][stage], shift, mask)
            hidden = F.gelu(linear(layer_norm(x, f"{name}.norm2"), f"{name}.mlp.fc1"))
            x = x + linear(hidden, f"{name}.mlp.fc2")
        if stage < 3:
            b, _, c = x.shape
            grid = x.view(b, size, size, c)
            x = torch.cat([grid[:, r::2, s::2] for r, s in ((0, 0), (1, 0), (0, 1), (1, 1))], -1).view(b, -1, 4 * c)
            name = f"backbone.layers.{stage}.downsample"
            x = linear(layer_norm(x, f"{name}.norm"), f"{name}.reduction")
            size //= 2
        levels.append(x)
    return levels


def forward(x, training):
    levels = backbone(x)
    top = layer_norm(levels[3], "backbone.norm").mean(1)
    top = batch_norm(linear(top, "backbone.feature.0"), "backbone.feature.1", training)
    embedding = batch_norm(linear(top, "backbone.feature.2"), "backbone.feature.3", training)
    maps = []
    for level in levels:
        size = int(level.shape[1] ** 0.5)
        grid = level.transpose(1, 2).reshape(level.shape[0], -1, size, size)
        maps.append(F.avg_pool2d(grid, size // WINDOW) if size > WINDOW else grid)
    logits, index = [], 0
    for net, subnet in enumerate(config["subnets"]):
        name = f"fam.nets.{net}"
        x = torch.cat([F.conv2d(m, params[f"{name}.conv.convs.{l}.weight"], padding=1) for l, m in enumerate(maps)], 1)
        squeeze = lambda v: linear(F.relu(linear(v, f"{name}.channel_attention.mlp.1")), f"{name}.channel_attention.mlp.3")
        gate = torch.sigmoid(squeeze(x.mean((2, 3))) + squeeze(x.amax((2, 3))))
        x = batch_norm(F.relu(x * gate[:, :, None, None]).amax((2, 3)), f"{name}.norm", training)
        for layer in (0, 3):
            x = F.dropout(F.relu(linear(x, f"tss.nets.{net}.feature.{layer}")), settings["dropout"], training)
        for task in subnet["tasks"]:
            logits.append(linear(x, f"om.output_fcs.{index}"))
            index += 1
    return embedding, logits


def loss(embedding, logits):
    """Something for every output: a cosine for the embedding, cross-entropies, a square for single numbers."""
    total = 1 - F.cosine_similarity(embedding, torch.ones_like(embedding)).mean()
    for output in logits:
        if output.shape[1] == 1:
            total = total + output.square().mean()
        else:
            total = total + F.cross_entropy(output, torch.zeros(B, dtype=torch.long))
    return total


def median(values):
    return sorted(values)[len(values) // 2]


with torch.no_grad():
    embedding, logits = forward(images, False)
    torch.cat([embedding] + logits, 1).contiguous().numpy().tofile(f"{folder}/outputs.f32")

optimiser = torch.optim.AdamW(params.values(), lr=1e-4)
forwards, steps = [], []
for round in range(-3, settings["rounds"]):
    start = time.perf_counter()
    with torch.no_grad():
        loss(*forward(images, True))
    middle = time.perf_counter()
    loss(*forward(images, True)).backward()
    torch.nn.utils.clip_grad_norm_(params.values(), 5)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    if round >= 0:
        forwards.append(middle - start)
        steps.append(time.perf_counter() - middle)
print(json.dumps({"forward": 1000 * median(forwards), "step": 1000 * median(steps), "torch": torch.__version__,
                  "blas": torch.__config__.parallel_info().split("\n")[0], "threads": torch.get_num_threads()}))

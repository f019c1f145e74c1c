"""Writes seeds/onnx: small models, sound and hostile, each a few hundred bytes. It needs nothing but Python.

The other seeds are written by hand (seeds/options), or are the pictures and networks of tests/golden.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "seeds" / "onnx"
FLOAT, INT64 = 1, 7


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(tag, value):
    """A field of a protobuf message: a number, text, bytes, or a list of them for a repeated one."""
    if isinstance(value, list):
        return b"".join(field(tag, one) for one in value)
    if isinstance(value, float):
        return varint(tag << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(tag << 3 | 2) + varint(len(value)) + value


def message(**fields):
    """`f3=x` is field 3."""
    return b"".join(field(int(name[1:]), value) for name, value in fields.items())


def attribute(name, value):
    if isinstance(value, bytes):
        return message(f1=name, f5=value, f20=4)
    if isinstance(value, str):
        return message(f1=name, f4=value, f20=3)
    if isinstance(value, list):
        return message(f1=name, f8=value, f20=7)
    return message(f1=name, f2=value, f20=1) if isinstance(value, float) else message(f1=name, f3=value, f20=2)


def node(op_type, inputs, outputs, **attributes):
    return message(f1=inputs, f2=outputs, f4=op_type, f5=[attribute(*pair) for pair in attributes.items()])


def tensor(name, dims, data=None, kind=FLOAT, **more):
    size = 1
    for length in dims:
        size *= length
    data = bytes(size * (4 if kind == FLOAT else 8)) if data is None else data
    return message(f1=list(dims), f2=kind, f8=name, f9=data, **more)


def ints(name, *values):
    return tensor(name, [len(values)], struct.pack(f"<{len(values)}q", *values), INT64)


def value(name, dims, kind=FLOAT):
    dims = [message(f2=length) if isinstance(length, str) else message(f1=length) for length in dims]
    return message(f1=name, f2=message(f1=message(f1=kind, f2=message(f1=dims))))


def model(nodes, initializers=(), inputs=None, outputs=None, opset=17, **more):
    inputs = [value("x", ["n", 3, 8, 8])] if inputs is None else inputs
    outputs = [value("y", ["n", 5])] if outputs is None else outputs
    graph = message(f1=list(nodes), f2="seed", f5=list(initializers), f11=list(inputs), f12=list(outputs))
    return message(f1=8, f7=graph, f8=[message(f1="", f2=opset)], **more)


KERNEL, DENSE = tensor("k", [4, 3, 3, 3]), tensor("d", [4, 5])


def classifier(*between, kernel=KERNEL, dense=DENSE, more=(), head=None, conv=None, **rest):
    """A convolution, `between` from `a` to `b`, a global average, a dense layer."""
    nodes = [
        node("Conv", ["x", "k"], ["a"], **({"pads": [1, 1, 1, 1]} | (conv or {}))),
        *(between or [node("Relu", ["a"], ["b"])]),
        node("GlobalAveragePool", ["b"], ["c"]),
        node("Flatten", ["c"], ["f"]),
        *(head or [node("MatMul", ["f", "d"], ["y"])]),
    ]
    return model(nodes, [kernel, dense, *more], **rest)


def seeds():
    sound = classifier()
    yield "sound", sound
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    yield "pools", classifier(node("MaxPool", ["a"], ["p"], ceil_mode=1, **window), node("AveragePool", ["p"], ["b"], **window))
    yield "softmax", classifier(head=[node("MatMul", ["f", "d"], ["s"]), node("Softmax", ["s"], ["y"], axis=1)])
    yield "old_opset", classifier(node("Clip", ["a"], ["p"], min=0.0, max=6.0), node("Dropout", ["p"], ["b"], ratio=0.5), opset=7)
    statistics = [tensor(name, [4]) for name in ("g", "h", "m", "v")]
    yield "normalized", classifier(node("BatchNormalization", ["a", "g", "h", "m", "v"], ["b"]), more=statistics)
    yield "residual", classifier(node("Relu", ["a"], ["p"]), node("Add", ["a", "p"], ["b"]))
    yield "resized", classifier(node("Resize", ["a", "", "s"], ["b"], mode="nearest"),
        more=[tensor("s", [4], struct.pack("<4f", 1, 1, 2, 2))])
    yield "transposed", classifier(node("Transpose", ["a"], ["t"], perm=[0, 2, 3, 1]), node("Transpose", ["t"], ["b"], perm=[0, 3, 1, 2]))
    shapes = [node("Shape", ["a"], ["s"]), node("Gather", ["s", "i"], ["n"]), node("Unsqueeze", ["n", "i"], ["u"]),
        node("Concat", ["u", "r"], ["t"], axis=0), node("Reshape", ["a", "t"], ["b"])]
    yield "shape_arithmetic", classifier(*shapes, more=[ints("i", 0), ints("r", 4, 8, 8)])
    yield "split", classifier(node("Split", ["a"], ["p", "q"], axis=1), node("Concat", ["q", "p"], ["b"], axis=1))
    yield "padded", classifier(node("Pad", ["a", "p"], ["b"], mode="constant"), more=[ints("p", 0, 0, 1, 1, 0, 0, 1, 1)])
    yield "depthwise", classifier(node("Conv", ["a", "w"], ["b"], group=4), more=[tensor("w", [4, 1, 3, 3])])
    last = [node("Transpose", ["x"], ["z"], perm=[0, 3, 1, 2]), node("GlobalAveragePool", ["z"], ["c"]), node("Flatten", ["c"], ["f"]),
        node("MatMul", ["f", "d"], ["y"])]
    yield "channels_last", model(last, [tensor("d", [3, 5])], [value("x", ["n", 8, 8, 3])])

    # Hostile from here on.
    yield "empty", b""
    yield "truncated", sound[: len(sound) // 2]
    yield "no_graph", message(f1=8, f8=[message(f1="", f2=17)])
    yield "length_beyond_the_file", field(1, 8) + varint(7 << 3 | 2) + varint(1 << 62) + b"abc"
    yield "endless_varint", b"\x08" + b"\xff" * 20
    for opset in (-1, 0, 1 << 62):
        yield f"opset_{opset}", classifier(opset=opset)
    yield "cycle", classifier(node("Relu", ["q"], ["p"]), node("Relu", ["p"], ["q"]), node("Relu", ["p"], ["b"]))
    yield "needs_itself", classifier(node("Add", ["a", "b"], ["b"]))
    yield "defined_twice", classifier(node("Relu", ["a"], ["b"]), node("Relu", ["a"], ["b"]))
    yield "reads_a_ghost", classifier(node("Relu", ["ghost"], ["b"]))
    yield "no_outputs_of_a_node", classifier(node("Relu", ["a"], []))
    deep = b""
    for _ in range(200):
        deep = message(f1=message(f4="If", f5=message(f1="then_branch", f6=deep, f20=5)))
    yield "subgraphs_within_subgraphs", message(f1=8, f7=deep, f8=[message(f1="", f2=17)])
    yield "groups_within_groups", b"\x0b" * 300
    for name, dims in (("negative", [-1, 3, 3, 3]), ("huge", [1 << 62, 4, 4, 4]), ("overflow_to_nothing", [1 << 32, 1 << 32, 1, 0]),
                       ("nothing_of_much", [0, 1 << 40, 1 << 40, 3])):
        yield f"weights_{name}", classifier(kernel=tensor("k", dims, b""))
    yield "weights_that_are_too_short", classifier(kernel=tensor("k", [4, 3, 3, 3], bytes(8)))
    yield "weights_of_text", classifier(kernel=tensor("k", [4, 3, 3, 3], b"", kind=8))
    for name, place in (("outside", "../../../../etc/passwd"), ("absolute", "/etc/passwd"), ("device", "../../../dev/zero"), ("nothing", "")):
        entries = [message(f1="location", f2=place), message(f1="offset", f2="0"), message(f1="length", f2="432")]
        yield f"external_{name}", classifier(kernel=message(f1=[4, 3, 3, 3], f2=FLOAT, f8="k", f13=entries, f14=1))
    entries = [message(f1="location", f2="k.bin"), message(f1="offset", f2=str((1 << 64) - 1)), message(f1="length", f2="432")]
    yield "external_offset", classifier(kernel=message(f1=[4, 3, 3, 3], f2=FLOAT, f8="k", f13=entries, f14=1))
    for name, sides in (("huge", [1 << 62, 1 << 62]), ("wide", [1 << 20, 1 << 20]), ("negative", [-8, -8]), ("nothing", [0, 0])):
        yield f"picture_{name}", classifier(inputs=[value("x", ["n", 3, *sides])])
    yield "batch_huge", classifier(inputs=[value("x", [1 << 40, 3, 8, 8])])
    yield "no_inputs", classifier(inputs=[])
    for name, numbers in (("huge", [1 << 62] * 2), ("negative", [-3, -3]), ("nothing", [0, 0]), ("many", [3] * 50), ("none", [])):
        yield f"kernel_{name}", classifier(node("MaxPool", ["a"], ["b"], kernel_shape=numbers))
        yield f"strides_{name}", classifier(conv={"strides": numbers, "dilations": numbers, "pads": numbers * 2})
    for group in (0, -1, 1 << 62):
        yield f"group_{group}", classifier(conv={"group": group})
        transposed = node("ConvTranspose", ["a", "w"], ["b"], group=group, strides=[1 << 24, 2], output_padding=[1, 1])
        yield f"transposed_group_{group}", classifier(transposed, more=[tensor("w", [4, 2, 3, 3])])
    for axis in (-(1 << 63), (1 << 63) - 1, 4, -5):
        yield f"axis_{axis}", classifier(node("Softmax", ["a"], ["p"], axis=axis), node("Split", ["p"], ["q", "r"], axis=axis),
            node("Concat", ["q", "r"], ["b"], axis=axis))
        yield f"reduced_{axis}", classifier(node("ReduceMean", ["a"], ["b"], axes=[axis]))
    most, least = (1 << 63) - 1, -(1 << 63)
    yield "pads_that_overflow", classifier(node("Pad", ["a", "p"], ["b"]), more=[ints("p", *[most] * 8)])
    yield "slice_of_extremes", classifier(node("Slice", ["a", "s", "e", "i", "t"], ["b"]),
        more=[ints("s", least, most), ints("e", most, least), ints("i", 2, 3), ints("t", least, -1)])
    yield "tile_without_end", classifier(node("Tile", ["a", "t"], ["b"]), more=[ints("t", *[1 << 31] * 4)])
    yield "range_without_end", classifier(node("Range", ["s", "l", "t"], ["r"]), node("Add", ["a", "r"], ["b"]),
        more=[ints("s", least), ints("l", most), ints("t", 1)])
    yield "constant_of_huge_shape", classifier(node("ConstantOfShape", ["s"], ["p"]), node("Add", ["a", "p"], ["b"]), more=[ints("s", *[1 << 40] * 3)])
    yield "expand_to_huge", classifier(node("Expand", ["a", "s"], ["b"]), more=[ints("s", 1 << 30, 4, 8, 1 << 30)])
    yield "reshape_to_nonsense", classifier(node("Reshape", ["a", "s"], ["b"]), more=[ints("s", -1, -1, least, 0)])
    yield "scales_of_nonsense", classifier(node("Resize", ["a", "", "s"], ["b"]), more=[tensor("s", [4], struct.pack("<4f", float("nan"), -1, 1e38, 0))])
    yield "blocks_of_nonsense", classifier(node("SpaceToDepth", ["a"], ["p"], blocksize=1 << 24), node("DepthToSpace", ["p"], ["b"], blocksize=-2))
    yield "permutation_that_is_none", classifier(node("Transpose", ["a"], ["b"], perm=[0, 0, 9, -1]))
    yield "normalized_over_nothing", classifier(node("LRN", ["a"], ["b"], size=most))
    yield "attributes_of_other_kinds", classifier(node("MaxPool", ["a"], ["b"], kernel_shape="2x2", strides=2.0, pads=7, ceil_mode=[1]))
    yield "constant_of_nothing", classifier(node("Constant", [], ["p"]), node("Add", ["a", "p"], ["b"]))
    yield "names_that_are_no_text", classifier(message(f1=[b"\xff\xfe"], f2=["b"], f4="Relu"))
    yield "many_empty_nodes", message(f1=8, f7=field(1, [b""] * 500), f8=[message(f1="", f2=17)])


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    for name, content in seeds():
        (HERE / f"{name.replace('-', 'minus_')}.onnx").write_bytes(content)

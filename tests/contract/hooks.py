"""What Schemathesis cannot know of the service: pictures, what the served model has, and which options go together.

The document says that a layer has a name; which names there are is the model's. It says which options there are; that two of them contradict each
other is words to it. So a request that is meant to be right is put right where it would be wrong for such a reason. What is meant to be wrong
stays as it is, and no check is left out.
"""

import base64
import pathlib
import uuid

import schemathesis
from hypothesis import strategies as st

# tests/golden/vgg16/zoo.onnx: seven classes, and layers of VGG16's names. Those here have as many filters as channels, five.
MODEL = "tiny"
INPUT = "data"
CLASSES = [f"class_{index}" for index in range(7)]
LAYERS = ["block5_conv2", "block5_conv3"]
FILTERS = 5
DEFAULT_TECHNIQUES = ["saliency", "guided-backprop", "grad-cam"]

GOLDEN = pathlib.Path("tests/golden/pictures")
PICTURES = [
    (GOLDEN / name).read_bytes()
    for name in ("animated.gif", "cmyk.jpg", "lossy.webp", "palette.bmp", "transparent.png", "turned.jpg")
]

pictures = st.sampled_from(PICTURES)
schemathesis.openapi.media_type("image/*", pictures)
schemathesis.openapi.media_type("application/octet-stream", pictures)
schemathesis.openapi.format("binary", pictures)
schemathesis.openapi.format("picture", pictures.map(lambda file: base64.b64encode(file).decode()))


@schemathesis.deserializer("image/png", "application/x-npy")
def file(ctx, response):
    """A file is bytes to the document."""
    return response.content.decode("latin-1")


# The options of each technique, by name.
OPTIONS = {}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    for path, operations in raw_schema["paths"].items():
        before, _, technique = path.rpartition("/explain/")
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "model":
                    parameter["schema"]["enum"] = [MODEL]
                if parameter["name"] in ("model", "layer"):
                    parameter.pop("example", None)
            if before:
                OPTIONS[technique] = {parameter["name"] for parameter in operation["parameters"]}
    say_what_pictures_are(raw_schema)


def say_what_pictures_are(value):
    if isinstance(value, dict):
        if value.get("contentEncoding") == "base64":
            value["format"] = "picture"
        for part in value.values():
            say_what_pictures_are(part)
    elif isinstance(value, list):
        for part in value:
            say_what_pictures_are(part)


@schemathesis.hook
def map_case(context, case):
    adjust(case)
    return case


@schemathesis.hook
def before_call(context, case, kwargs):
    # `map_case` is not asked about the document's examples.
    if case.meta is not None and case.meta.phase.name.value == "examples":
        adjust(case)


def adjust(case):
    places = [place for place in (case.query, case.body) if isinstance(place, dict)]
    if isinstance(case.body, dict) and isinstance(case.body.get("parameters"), dict):
        places.append(case.body["parameters"])
    for place in places:
        ask_for_little(place)
    if not case.operation.path.endswith(("/saliency", "/activation-maximization")):
        # Two kinds of calls as jobs are enough: the rest would be waited for at the end.
        for name in [name for name in case.headers or {} if name.lower() == "prefer"]:
            del case.headers[name]
    if case.meta is not None and case.meta.generation.mode.is_positive:
        put_right(case, places)


def ask_for_little(place):
    """Asks for less work where any amount is as right as another."""
    for name, most in (("iterations", 4), ("samples", 4), ("steps", 4)):
        if most < number(place.get(name)) <= (4096 if name == "iterations" else 500):
            place[name] = most
    for name in ("stride", "patch"):
        if 1 <= number(place.get(name)) < 16:
            place[name] = 16


def number(value):
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 9 and not isinstance(value, bool) else -1


def put_right(case, places):
    """Makes a request that is meant to be right one of this model, with options that go together."""
    path = case.operation.path
    for place in places:
        for name in list(place):
            place[name] = of_this_model(name.rpartition(".")[2], place[name])
    if "layer" in (case.path_parameters or {}):
        case.path_parameters["layer"] = LAYERS[0]
    for name in case.headers or {}:
        # A key is for one request.
        if name.lower() == "idempotency-key":
            case.headers[name] = uuid.uuid4().hex
    if isinstance(case.body, dict) and isinstance(case.query, dict):
        # An option is given once.
        for name in [name for name in case.query if name in case.body]:
            del case.query[name]
    if path.endswith("/explain"):
        keep_options_of_asked(places, DEFAULT_TECHNIQUES)
    if path.endswith(":explain"):
        keep_options_of_asked(places[-1:], ["grad-cam"])
    name_two_where_divided(places)
    if path.endswith("/filters"):
        filters(case.query or {})
    if path.endswith("/weights") and case.query.get("format") == "npy":
        case.query["tensor"] = "kernel"
    if path.endswith("/result"):
        # Which arrays a result can be had as depends on its call.
        if (case.query or {}).get("format") == "npy":
            case.query["format"] = "png"
    if path.endswith("/layer-outputs") and any(place.get("format") == "npy" for place in places):
        # The maps of several layers are not one array.
        for place in places:
            place.pop("layer", None)
        case.query = {**(case.query or {}), "layer": [LAYERS[0]]}
    if path.endswith("/activation-maximization"):
        name_one_target(case, places)
    if path.endswith("/infer") and isinstance(case.body, dict):
        infer(case.body)
    if path.endswith((":predict", ":explain")) and isinstance(case.body, dict):
        # Lists would have to be of the model's own [3, 64, 64].
        first = {"b64": base64.b64encode(PICTURES[0]).decode()}
        case.body["instances"] = [one if isinstance(one, dict) else first for one in case.body["instances"]]


def of_this_model(name, value):
    """The value of the option `name`: one that there is, in the place of `value`."""
    if isinstance(value, list) and name in ("class", "layer", "filter"):
        return [of_this_model(name, one) for one in value]
    if value is None:
        return None
    if name == "class":
        return CLASSES[len(str(value)) % len(CLASSES)]
    if name == "layer":
        return LAYERS[len(str(value)) % len(LAYERS)]
    if name in ("filter", "channel"):
        return number(value) % FILTERS
    if name == "channels" and value not in ("first", "strongest"):
        return "0,1"
    if name in ("patch", "stride"):
        # At most the side of the model's pictures.
        return value if 1 <= number(value) <= 64 else 64
    if name == "tensor":
        return "kernel" if "e" in str(value) else "bias"
    return value


def keep_options_of_asked(places, default):
    """Takes out the options that none of the techniques has which are asked for."""
    techniques = [one for place in places for one in listed(place.get("technique"))] or default
    known = set().union(*(OPTIONS[technique] for technique in techniques)) | {"image", "technique", "instances", "parameters"}
    for place in places:
        for name in list(place):
            technique, dot, option = name.partition(".")
            if (technique not in techniques or option not in OPTIONS[technique]) if dot else name not in known:
                del place[name]
        # Some techniques look at one layer, one at several.
        if isinstance(place.get("layer"), list):
            place["layer"] = LAYERS[0]


def name_two_where_divided(places):
    """A divider stands between the maps of two classes."""
    if all(place.get("divider") is None for place in places):
        return
    if any("class" in place for place in places):
        for place in places:
            place.update({name: CLASSES[:2] for name in place if name.rpartition(".")[2] == "class"})
    else:
        for place in places:
            place.pop("divider", None)


def listed(value):
    return value if isinstance(value, list) else [value] if value else []


def filters(query):
    if str(query.get("color")).lower() == "true":
        query.pop("channel", None)
        query.pop("filter", None)
        query["layer"] = "block1_conv1"
    elif "filter" in query or "channel" in query or query.get("format") == "npy":
        query["layer"] = LAYERS[0]


def name_one_target(case, places):
    for place in places:
        for name in ("class", "layer", "filter", "size"):
            place.pop(name, None)
    if not any(place.get("recipe") == "lucid" for place in places):
        for place in places:
            place.pop("frequency_power", None)
    case.query = {**(case.query or {}), "class": CLASSES[0]}
    if all(place.get("iterations") is None for place in places):
        for place in places:
            place.pop("iterations", None)
        case.query["iterations"] = 4


def infer(body):
    picture = base64.b64encode(PICTURES[0]).decode()
    body["inputs"] = [{"name": INPUT, "datatype": "BYTES", "shape": [1], "data": [picture]}]

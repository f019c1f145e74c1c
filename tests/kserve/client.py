"""Calls a running Glassbox with KServe's own Python client, by both protocols.

usage: client.py ADDRESS PICTURE      (make kserve-test starts a service and makes a picture of a stop sign)
"""
import asyncio
import base64
import sys
from pathlib import Path

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

MODEL = "vgg16-caltech101"


async def v1(address, b64):
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        assert await client.is_server_live(address)
        assert await client.is_model_ready(address, MODEL)
        answer = await client.infer(f"{address}", {"instances": [{"b64": b64}]}, model_name=MODEL)
        assert answer["predictions"][0][0]["label"] == "stop_sign", answer
        body = {"instances": [{"image": {"b64": b64}}], "parameters": {"technique": "grad-cam", "class": "stop_sign"}}
        explanation = (await client.explain(address, MODEL, body))["explanations"][0]
        assert explanation["layer"] == "block5_conv3" and np.shape(explanation["maps"][0]["data"]) == (14, 14)
        try:
            await client.explain(address, MODEL, {"instances": []})
            raise AssertionError("no instances are refused")
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 400 and "0 instances" in str(error), error


async def v2(address, b64):
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        assert await client.is_server_live(address) and await client.is_server_ready(address)
        assert await client.is_model_ready(address, MODEL)
        assert not await client.is_model_ready(address, "nothing")
        files = InferInput("input", [1], "BYTES", [b64])
        output = (await client.infer(address, InferRequest(MODEL, [files]), model_name=MODEL)).outputs[0]
        assert (output.name, output.shape, output.datatype) == ("probabilities", [1, 101], "FP32")
        assert np.isclose(sum(output.data), 1, atol=1e-4) and np.argmax(output.data) == 88
        zeros = np.zeros((2, 3, 224, 224), np.float32)
        for binary in (False, True):
            tensor = InferInput("input", list(zeros.shape), "FP32")
            tensor.set_data_from_numpy(zeros, binary_data=binary)
            answer = await client.infer(address, InferRequest(MODEL, [tensor]), model_name=MODEL)
            assert answer.outputs[0].shape == [2, 101], answer
        try:
            wrong = InferInput("x", [1], "BYTES", [b64])
            await client.infer(address, InferRequest(MODEL, [wrong]), model_name=MODEL)
            raise AssertionError("an unknown input is refused")
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 400 and "`input`" in str(error), error


if __name__ == "__main__":
    address, picture = sys.argv[1:]
    b64 = base64.b64encode(Path(picture).read_bytes()).decode()
    asyncio.run(v1(address, b64))
    asyncio.run(v2(address, b64))
    print("KServe's client: V1 and V2 passed")

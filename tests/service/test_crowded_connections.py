"""Many clients at once get what each would get alone: to the bit where pictures are painted one by one, and where a CPU
paints several side by side but for the last steps of a few values.

A thread by itself sums the statistics of a norm in another order than several that share a picture. In float32 this
decides the rounding of a few values; in bfloat16, which rounds after each layer, as much as bfloat16 itself does."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import numpy as np
from PIL import Image

CLIENTS = 20
SIZES = [(96, 64), (64, 96), (96, 64), (128, 128), (33, 47), (200, 10), (1, 1)]
STYLES = ["starry_night", "great_wave", "starry_night:0.3,the_scream:0.7", "composition_vii:1,great_wave:1"]
FORMATS = ["png", "jpeg", "webp"]


def requests(astronaut):
    """Sizes, styles, blends, formats and options all mixed, and the same pictures in different ones."""
    for index in range(CLIENTS):
        width, height = SIZES[index % len(SIZES)]
        photo = png(astronaut[index % 3 * 50 :][:height, :width])
        params = {"styles": STYLES[index % len(STYLES)], "format": FORMATS[index % len(FORMATS)]}
        if index % 5 == 0:
            params |= {"strength": "0.6", "color": "keep"}
        if index % 7 == 3:
            params |= {"model": "sketch", "styles": "charcoal:2,great_wave"}
        yield params, photo


def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def paint(server, request):
    params, photo = request
    # A connection for each, as clients have.
    return httpx.post(f"{server.url}/v1/stylize", params=params, content=photo, timeout=600)


def test_twenty_clients_at_once_get_bit_for_bit_what_each_gets_alone(launch, astronaut):
    server = launch(batch_pictures=1)
    asked = list(requests(np.ascontiguousarray(astronaut)))
    alone = [paint(server, request) for request in asked]
    assert {response.status_code for response in alone} == {200}
    for _ in range(3):
        with ThreadPoolExecutor(CLIENTS) as crowd:
            together = list(crowd.map(partial(paint, server), asked))
        assert [response.headers.get("etag") for response in together] == [r.headers["etag"] for r in alone]
        assert [response.content for response in together] == [response.content for response in alone]
    assert len({response.headers["etag"] for response in alone}) > CLIENTS // 2


def test_twenty_clients_side_by_side_get_what_each_gets_alone_but_for_rounding(launch, astronaut):
    server = launch(engine_threads=2, precision="float32")
    photo = np.ascontiguousarray(astronaut[:128, :128])
    bodies = [png(np.roll(photo, 5 * index, 1)) for index in range(CLIENTS)]
    asked = [({"styles": STYLES[i % len(STYLES)], "format": "png"}, body) for i, body in enumerate(bodies)]
    alone = [pixels(paint(server, request).content) for request in asked]
    with ThreadPoolExecutor(CLIENTS) as crowd:
        together = [pixels(response.content) for response in crowd.map(partial(paint, server), asked)]
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one - other).max() <= 1
        assert np.mean(one != other) <= 1e-2

"""Many clients at once get what each would get alone. On the CPU pictures are painted one by one, so to the bit."""

import io
from concurrent.futures import ThreadPoolExecutor

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
        file = io.BytesIO()
        Image.fromarray(astronaut[index % 3 * 50 :][:height, :width]).save(file, "png")
        params = {"styles": STYLES[index % len(STYLES)], "format": FORMATS[index % len(FORMATS)]}
        if index % 5 == 0:
            params |= {"strength": "0.6", "color": "keep"}
        if index % 7 == 3:
            params |= {"model": "sketch", "styles": "charcoal:2,great_wave"}
        yield params, file.getvalue()


def test_twenty_clients_at_once_get_bit_for_bit_what_each_gets_alone(launch, astronaut):
    server = launch()
    asked = list(requests(np.ascontiguousarray(astronaut)))

    def paint(request):
        params, photo = request
        # A connection for each, as clients have.
        return httpx.post(f"{server.url}/v1/stylize", params=params, content=photo, timeout=60)

    alone = [paint(request) for request in asked]
    assert {response.status_code for response in alone} == {200}
    for _ in range(3):
        with ThreadPoolExecutor(CLIENTS) as crowd:
            together = list(crowd.map(paint, asked))
        assert [response.headers.get("etag") for response in together] == [r.headers["etag"] for r in alone]
        assert [response.content for response in together] == [response.content for response in alone]
    assert len({response.headers["etag"] for response in alone}) > CLIENTS // 2

import gzip
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow
from starlette.testclient import TestClient

from app.label.desk import MOST_EDITED, QUESTION_GRAIN, Desk, editor_size, fitted
from app.label.mount import LabelEditor
from app.label.routes import editor
from app.photo.models import Models
from hrs.checkpoint import save_checkpoint
from hrs.labelling.modelclasses import write_model_classes
from hrs.labelling.photoset import PhotoSet
from hrs.labels import IGNORE
from hrs.methods.build import build_method
from hrs.runs.folder import RunFolder
from hrs.runs.names import DATASETS
from tests.conftest import CLASSES, tiny_config
from tests.inference.conftest import SPACE as FOUR
from tests.inference.conftest import network, photo

PHOTO = "/api/sets/town/photos/photo0"


def png(image):
    data = BytesIO()
    Pillow.fromarray(image).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def own(tmp_path):
    made = PhotoSet.create(tmp_path / DATASETS / "town", list(CLASSES))
    for seed in range(3):
        made.add(png(photo(seed=seed)), f"photo{seed}.png")
    return made


@pytest.fixture
def client(tmp_path, own):
    with TestClient(LabelEditor(tmp_path)) as made:
        yield made


@pytest.fixture
def model(tmp_path, frames):
    """A run called mine, whose network has learned nothing but sees all classes."""
    config = tiny_config(frames)
    method = build_method(config, len(CLASSES))
    method.segmenter.load_state_dict(network().state_dict())
    run = RunFolder.create(tmp_path, "mine", config.to_yaml())
    save_checkpoint(run.best, method=method, config=config, space=FOUR, step=0, metrics={})
    run.write_status(state="finished")
    return run


def maps_of(answer, *dtypes):
    data, found = answer.content, []
    for dtype, count in dtypes:
        size = np.dtype(dtype).itemsize * count
        found.append(np.frombuffer(data[:size], dtype))
        data = data[size:]
    assert not data, "more came than was told"
    return found


def test_a_set_says_its_classes_and_photos(client, own):
    own.write_label("photo1", np.zeros((70, 90), np.uint8))
    found = client.get("/api/sets/town").json()
    assert found["classes"] == list(CLASSES)
    assert [tuple(each.values()) for each in found["photos"]] == [("photo0", 0), ("photo1", 1), ("photo2", 0)]
    assert client.get("/api/sets/village").status_code == 400
    assert "village" in client.get("/api/sets/village").json()["error"]


def test_a_label_that_is_sent_is_kept_and_read_again(client, own):
    first = client.get(f"{PHOTO}/label")
    (empty,) = maps_of(first, (np.uint8, 70 * 90))
    assert (empty == IGNORE).all()
    label = np.random.default_rng(0).choice([0, 1, 2, 3, IGNORE], (70, 90)).astype(np.uint8)
    headers = {"If-Match": first.headers["etag"]}
    sent = client.put(f"{PHOTO}/label", content=gzip.compress(label.tobytes()), headers=headers)
    assert sent.status_code == 200
    np.testing.assert_array_equal(own.read_label("photo0")[0], label)
    again = client.get(f"{PHOTO}/label")
    assert again.headers["etag"] == sent.json()["version"]
    np.testing.assert_array_equal(maps_of(again, (np.uint8, 70 * 90))[0].reshape(70, 90), label)
    late = client.put(f"{PHOTO}/label", content=gzip.compress(bytes(70 * 90)), headers=headers)
    assert late.status_code == 409
    assert "changed elsewhere" in late.json()["error"]
    assert client.put(f"{PHOTO}/label", content=gzip.compress(bytes(70 * 90))).status_code == 200, "forced"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not gzip", 400),
        (gzip.compress(bytes(10)), 400),
        (gzip.compress(bytes(70 * 90 + 1)), 400),
        (gzip.compress(bytes(1 << 28)), 400),
        (gzip.compress(bytes([9]) * 70 * 90), 400),
        (bytes(9 << 20), 413),
    ],
    ids=["empty", "no gzip", "short", "long", "huge", "no class", "too large"],  # gzip has the time in it
)
def test_what_is_no_label_of_the_photo_is_refused(client, own, body, status):
    answer = client.put(f"{PHOTO}/label", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert own.read_label("photo0")[0] is None


def runs(*found):
    """First pixel, length and class of each."""
    return np.array([[start, length * 256 + value] for start, length, value in found], "<u4").tobytes()


def test_changes_alone_are_kept_over_the_label_that_they_are_of(client, own):
    own.write_label("photo0", np.zeros((70, 90), np.uint8))
    version = client.get(f"{PHOTO}/label").headers["ETag"]
    answer = client.patch(f"{PHOTO}/label", content=runs((0, 3, 2), (90, 1, 3)), headers={"If-Match": version})
    assert answer.status_code == 200
    label, now = own.read_label("photo0")
    assert now == answer.json()["version"]
    assert label[0].tolist() == [2, 2, 2] + [0] * 87 and label[1].tolist() == [3] + [0] * 89 and not label[2:].any()
    late = client.patch(f"{PHOTO}/label", content=runs((5, 1, 1)), headers={"If-Match": version})
    assert late.status_code == 409


@pytest.mark.parametrize("body", [b"1234", runs((6299, 2, 0)), runs((5, 5, 0), (7, 2, 0)), runs((0, 1, 77))])
def test_changes_that_do_not_fit_are_refused(client, own, body):
    assert client.patch(f"{PHOTO}/label", content=body).status_code == 400
    assert own.read_label("photo0")[0] is None


def test_an_editor_whose_answers_are_lost_goes_on(client, own):
    """It is told nothing of its first save, so its second is over the version before."""
    stored = client.get(f"{PHOTO}/label")
    first, second = np.full((70, 90), 1, np.uint8), np.full((70, 90), 2, np.uint8)

    def send(label, change, editor="one"):
        headers = {"If-Match": stored.headers["ETag"], "Editor": editor, "Change": str(change)}
        return client.put(f"{PHOTO}/label", content=gzip.compress(label.tobytes()), headers=headers)

    assert send(first, 1).status_code == send(second, 2).status_code == 200
    assert (own.read_label("photo0")[0] == 2).all()
    assert send(first, 1).status_code == 200  # one that was long on its way
    assert (own.read_label("photo0")[0] == 2).all()
    assert send(first, 3, editor="another").status_code == 409
    own.write_label("photo0", first)  # by somebody else
    assert send(second, 4).status_code == 409


def test_a_label_of_other_classes_or_of_another_photo_is_refused(client, own):
    label = gzip.compress(bytes(70 * 90))

    def send(basis):
        return client.put(f"{PHOTO}/label", content=label, headers={"Basis": basis}).status_code

    basis = client.get(f"{PHOTO}/label").headers["Basis"]
    own.with_class("kerb")  # one more changes nothing of what was painted
    assert send(basis) == 200
    basis = client.get(f"{PHOTO}/label").headers["Basis"]
    names = own.path / "classes.yaml"
    names.write_text(names.read_text().replace("road", "street"))
    assert send(basis) == 412
    basis = client.get(f"{PHOTO}/label").headers["Basis"]
    (own.path / "images" / "photo0.png").write_bytes(png(photo(seed=9)))
    assert send(basis) == send("nonsense") == 412


@pytest.mark.parametrize(
    "path",
    ["/api/sets/..%2f..%2fetc/photos/x/label", "/api/sets/town/photos/..%2f..%2fclasses/label", "/..%2froutes.py"],
)
def test_nothing_outside_of_a_set_is_served(client, path):
    assert client.get(path).status_code in (400, 404)


def test_areas_come_with_the_size_of_the_photo(client, tmp_path):
    data = client.get(f"{PHOTO}/areas").content
    height, width, count, grains = np.frombuffer(data[:16], "<u4")
    assert (height, width) == (70, 90)
    regions, lookup = maps_of(client.get(f"{PHOTO}/areas"), ("<u4", 4), ("<u4", 70 * 90), ("<u2", count * grains))[1:]
    desk = Desk(tmp_path, Models(tmp_path))
    areas = desk.areas(desk.find("town"), "photo0", None)
    np.testing.assert_array_equal(regions.reshape(70, 90), areas.regions)
    np.testing.assert_array_equal(lookup.reshape(grains, count), np.stack(areas.grains))


def test_a_model_guesses_asks_and_advises(client, model, own):
    labels, percent = maps_of(client.get(f"{PHOTO}/guess?model=mine"), (np.uint8, 70 * 90), (np.uint8, 70 * 90))
    assert set(np.unique(labels)) <= set(range(len(CLASSES)))
    assert percent.max() <= 100
    assert len(np.unique(percent)) > 5
    asked = client.get(f"{PHOTO}/questions?model=mine").json()
    assert asked["grain"] == QUESTION_GRAIN
    assert all(set(question) == {"area", "label", "confidence"} for question in asked["questions"])
    assert 0 < client.get(f"{PHOTO}/outlook?model=mine").json()["doubt"] < 1
    own.write_label("photo2", np.zeros((70, 90), np.uint8))
    advice = client.get("/api/sets/town/advice?model=mine").json()
    assert {each["name"] for each in advice} == {"photo0", "photo1"}
    assert all(each["why"].endswith(".") for each in advice)
    assert "mine" in [each["name"] for each in client.get("/api/models").json()]
    assert "nobody" in client.get(f"{PHOTO}/guess?model=nobody").json()["error"]


def test_a_class_can_be_added(client, own):
    assert client.post("/api/sets/town/classes?name=tram").json()["classes"] == [*CLASSES, "tram"]
    assert "repeat" in client.post("/api/sets/town/classes?name=Tram").json()["error"]


def test_a_model_is_asked_anew_once_there_is_another_class(tmp_path, model):
    own = PhotoSet.create(tmp_path / DATASETS / "town", CLASSES[:2])
    for seed in range(2):
        own.add(png(photo(seed=seed)), f"photo{seed}.png")
    with TestClient(LabelEditor(tmp_path)) as client:
        few = client.get(f"{PHOTO}/guess?model=mine").content
        assert client.get("/api/sets/town/advice?model=mine").status_code == 200
        client.post(f"/api/sets/town/classes?name={CLASSES[2]}")
        assert client.get("/api/sets/town/advice?model=mine").status_code == 200
        more = client.get(f"{PHOTO}/guess?model=mine").content
    assert 2 not in few[: 70 * 90]
    assert 2 in more[: 70 * 90]


def test_a_model_s_classes_are_those_of_the_set_that_one_says(tmp_path, model):
    own = PhotoSet.create(tmp_path / DATASETS / "town", ["ground", "rest"])
    own.add(png(photo()), "photo0.png")
    with TestClient(LabelEditor(tmp_path)) as client:
        alone = client.get(f"{PHOTO}/guess?model=mine").json()["error"]
        write_model_classes(own, f"{CLASSES[0]}: ground\n{CLASSES[1]}, {CLASSES[2]}: rest", [FOUR])
        labels = maps_of(client.get(f"{PHOTO}/guess?model=mine"), (np.uint8, 70 * 90), (np.uint8, 70 * 90))[0]
        write_model_classes(own, f"{CLASSES[0]}: rest\n{CLASSES[1]}: ground", [FOUR])
        other = maps_of(client.get(f"{PHOTO}/guess?model=mine"), (np.uint8, 70 * 90), (np.uint8, 70 * 90))[0]
    assert "or say in Models' classes which is which" in alone
    assert {0, 1} <= set(np.unique(labels)) <= {0, 1, IGNORE}
    assert ((labels == 0) == (other == 1)).all() and not (labels == other)[labels != IGNORE].any()


def test_a_large_photo_is_labelled_on_a_coarser_grid_and_kept_at_its_size(tmp_path):
    own = PhotoSet.create(tmp_path / DATASETS / "large", ["a", "b"])
    own.add(png(np.zeros((1500, 2000, 3), np.uint8)), "big.png")
    desk = Desk(tmp_path, Models(tmp_path))
    height, width = desk.image(own, "big").shape[:2]
    assert height * width <= MOST_EDITED + width
    label = np.random.default_rng(0).integers(0, 2, (height, width)).astype(np.uint8)
    version = desk.keep(own, "big", label, None)
    kept = own.read_label("big")[0]
    assert kept.shape == (1500, 2000)
    again, now = desk.label(own, "big")
    np.testing.assert_array_equal(again, label)
    assert now == version


def test_a_stroke_on_a_large_photo_leaves_the_fine_detail_elsewhere(tmp_path):
    own = PhotoSet.create(tmp_path / DATASETS / "large", ["a", "b"])
    own.add(png(np.zeros((1500, 2000, 3), np.uint8)), "big.png")
    fine = np.random.default_rng(0).integers(0, 2, (1500, 2000)).astype(np.uint8)
    own.write_label("big", fine)
    desk = Desk(tmp_path, Models(tmp_path))
    label, version = desk.label(own, "big")
    painted = label.copy()
    painted[:100] = IGNORE
    now = desk.keep(own, "big", painted, version)
    assert desk.keep(own, "big", painted, version) == now, "a save that came twice is no conflict"
    kept = own.read_label("big")[0]
    border = round(100 * 1500 / label.shape[0])
    assert (kept[: border - 1] == IGNORE).all()
    np.testing.assert_array_equal(kept[border + 1 :], fine[border + 1 :])
    np.testing.assert_array_equal(desk.label(own, "big")[0], painted)


@pytest.mark.parametrize("size", [(70, 90), (1500, 2000), (3, 4_000_000), (4001, 3999)])
def test_labels_survive_the_way_to_the_photos_size_and_back(size):
    small = editor_size(*size)
    if small[0] * small[1] > 4 * MOST_EDITED:
        pytest.skip("no photo is so thin")
    label = np.arange(small[0] * small[1], dtype=np.uint64).astype(np.uint8).reshape(small)
    np.testing.assert_array_equal(fitted(fitted(label, size), small), label)


def test_the_page_and_what_it_loads_are_there(tmp_path, own):
    with TestClient(editor(Desk(tmp_path, Models(tmp_path)))) as client:
        page = client.get("/").text
        for name in ("editor.css", "editor.js", "label.js", "view.js", "server.js"):
            assert client.get(f"/{name}").status_code == 200
        assert "editor.js" in page
        assert "http" not in page.replace("http-equiv", ""), "nothing comes from elsewhere"


def test_a_set_may_be_called_like_an_address(client, tmp_path):
    PhotoSet.create(tmp_path / DATASETS / "models", ["a", "b"])
    assert client.get("/api/sets/models").json()["classes"] == ["a", "b"]

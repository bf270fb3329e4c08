"""The README's commands, run as printed on data in the published encodings; only sizes and lengths are made small."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from hrs.labels import IGNORE

README = Path(__file__).resolve().parents[1] / "README.md"
CITYSCAPES_IDS = np.array([23, 7, 26, 21], np.uint8)  # sky, road, car, vegetation
SHORT = {
    "segformer-b2": "compact",
    "pretrained: true": "pretrained: false",
    "n_real: 100": "n_real: 3",
    "height: 512": "height: 48",
    "width: 1024": "width: 96",
    "steps: 40000": "steps: 4",
    "batch_source: 4": "batch_source: 2",
    "batch_target: 4": "batch_target: 2",
    "validate_every: 2000": "validate_every: 2",
}


def blocks(heading: str) -> list[str]:
    """The shell blocks after a bold heading, up to the next one."""
    after = README.read_text(encoding="utf-8").split(f"**{heading}", 1)[1]
    return re.findall(r"```bash\n(.*?)```", re.split(r"\n\*\*|\n## ", after)[0], flags=re.DOTALL)


def street(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture and classes 0..3: sky over road, a car, a tree; 96x48."""
    rng = np.random.default_rng(seed)
    classes = np.zeros((48, 96), np.uint8)
    classes[rng.integers(20, 28) :] = 1
    x = rng.integers(0, 70)
    classes[26:38, x : x + 20] = 2
    classes[4:26, 90 - x : 100 - x] = 3
    image = classes[..., None] * 60 + rng.integers(0, 50, (48, 96, 3))
    return image.astype(np.uint8), classes


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def write_gta5(root: Path) -> None:
    for i in range(6):
        image, classes = street(i)
        write(root / "images" / f"{i:05d}.png", image)
        label = Image.fromarray(CITYSCAPES_IDS[classes], mode="P")
        label.putpalette([value for index in range(256) for value in (index, 0, 255 - index)])
        (root / "labels").mkdir(exist_ok=True)
        label.save(root / "labels" / f"{i:05d}.png")


def write_cityscapes(root: Path) -> None:
    for split, city, count in (("train", "aachen", 5), ("val", "munster", 2)):
        for i in range(count):
            image, classes = street(100 + i)
            stem = f"{city}_{i:06d}_000019"
            write(root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", image)
            write(root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png", CITYSCAPES_IDS[classes])


def write_folder(root: Path, count: int, raw: list[int]) -> None:
    for i in range(count):
        image, classes = street(i)
        write(root / "images" / f"{i}.png", image)
        write(root / "labels" / f"{i}.png", np.array(raw, np.uint8)[classes])


def shell(script: str, folder: Path) -> str:
    """Run a block with the data in ``folder``/data; what it printed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = script.replace("/data/", f"{folder}/data/")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(README.parent), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_gta5_to_cityscapes(tmp_path):
    (script,) = blocks("GTA5 to Cityscapes")
    for long, short in SHORT.items():
        assert long in script, f"the README no longer says {long!r}"
        script = script.replace(long, short)
    script = script.replace("n_real: 3", "n_real: 3\n  workers: 0")
    write_gta5(tmp_path / "data/gta5")
    write_cityscapes(tmp_path / "data/cityscapes")
    write(tmp_path / "photo.jpg", street(7)[0])
    printed = shell(script, tmp_path)
    assert "run: runs/gta5" in printed
    assert (tmp_path / "scores.json").is_file() and (tmp_path / "report/examples.png").is_file()
    assert (tmp_path / "runs/gta5/scores/index.parquet").is_file()
    label = cv2.imread(str(tmp_path / "segmented/photo.png"), cv2.IMREAD_GRAYSCALE)
    assert label.shape == (48, 96) and (label < IGNORE).all()


def test_own_classes(tmp_path):
    (script,) = blocks("Your own classes")
    classes = yaml.safe_load(
        README.read_text(encoding="utf-8").split("# /data/renders/classes.yaml", 1)[1].split("```")[0]
    )
    for name, count in (("renders", 5), ("photos", 4), ("photos_val", 2)):
        write_folder(tmp_path / "data" / name, count, list(classes["classes"]))
        (tmp_path / "data" / name / "classes.yaml").write_text(yaml.safe_dump(classes))
    small = " --set train.steps=2 --set data.height=48 --set data.width=96 --set data.n_real=3 --set data.workers=0\n"
    printed = shell(script.rstrip() + small, tmp_path)
    assert "shelf" in printed and "run: runs/boxes" in printed


@pytest.mark.parametrize("name", ["GTA5 to Cityscapes", "Your own classes"])
def test_the_blocks_are_found(name):
    assert len(blocks(name)) == 1


def test_the_map_of_airsim_names_all_its_classes_and_only_those_of_idd_lite():
    (text,) = re.findall(r"```yaml\n# airsim.yaml.*?\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    entries = yaml.safe_load(text)
    named = {name.strip() for key in entries for name in key.split(",")}
    assert named == {
        "tree",
        "hedge bush",
        "terrain grass",
        "road",
        "driveway path",
        "car",
        "fence",
        "pole",
        "low wall",
    } | {*("pool terrace", "pool water", "bin", "animal", "rock", "building")}
    assert set(entries.values()) == {"drivable", "non-drivable", "living things", "vehicles"} | {
        *("roadside objects", "far objects", "ignore")
    }

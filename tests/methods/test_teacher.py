"""What the averaged network teaches on unlabelled photos."""

import colorsys
import math

import pytest
import torch
import torch.nn.functional as F

from hrs.config import load_config
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.methods.teacher import Lesson, Teacher, blur, hue_matrix, strong_colours
from hrs.networks.segmenter import Segmenter, SegmenterOutput, upsample
from hrs.settings import TeacherConfig
from tests.methods.test_methods import H, W, batch, build, one_step
from tests.selection.conftest import C


class Sees(Segmenter):
    """Says of each pixel that it is of the class of its red value, as surely as it is told to."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.classifier = torch.nn.Conv2d(C, C, 1)
        self.sharpness = sharpness

    def forward(self, images):
        red = (images[:, 0] * 0.229 + 0.485) * 255
        logits = self.sharpness * F.one_hot(red.round().long().clamp(0, C - 1), C).permute(0, 3, 1, 2).float()
        return SegmenterOutput(logits, logits)


def photos(seed: int = 3):
    """Photos whose red value is the class to be seen; their upper rows lie beside the photo."""
    shown = batch(seed)
    shown.images[:, 0] = torch.where(shown.labels == IGNORE, 0, shown.labels)
    return shown


def test_it_says_what_the_average_sees_and_nothing_beside_the_photo():
    shown = photos()
    sure = Teacher(Sees(20.0), TeacherConfig()).look(shown)
    assert torch.equal(sure.labels, shown.labels.long())
    assert sure.sure.all()
    assert not Teacher(Sees(0.1), TeacherConfig()).look(shown).sure.any()


def test_a_lesson_is_a_mix_of_two_photos_with_their_labels():
    torch.manual_seed(0)
    shown = photos()
    lesson = Teacher(Sees(20.0), TeacherConfig()).lesson(shown)
    own, other = shown.labels, shown.labels.roll(1, 0)
    assert ((lesson.labels == own) | (lesson.labels == other)).all()
    assert (lesson.labels != own).any() and (lesson.labels != other).any()


def test_only_sure_pixels_count_and_unsure_ones_make_it_small(monkeypatch):
    method, config = build("target_only", "train.ema=0.9", "data.unlabelled=undrawn", "teacher.start=0")
    shown = photos()
    sure = torch.zeros_like(shown.labels, dtype=torch.bool)
    sure[:, 10:20] = True
    lesson = Lesson(images=shown.images, labels=shown.labels.long(), sure=sure)
    method.teacher = Teacher(Sees(20.0), config.teacher)
    monkeypatch.setattr(method.teacher, "lesson", lambda _: lesson)
    torch.manual_seed(5)
    found = method(batch(1, 0), batch(2), 9, shown).logs["loss_unlabelled"]
    torch.manual_seed(5)
    method.segment(batch(2))  # what the step did before, dropout included
    (output,) = method.segment(shown)
    each = F.cross_entropy(upsample(output.logits, (H, W)), lesson.labels, ignore_index=IGNORE, reduction="none")
    expected = each[sure].sum() / (lesson.labels != IGNORE).sum()
    torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)


class Says(Segmenter):
    """Says of a photo's left half that it is of class 0, of the right half ``right``, as surely as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = torch.nn.Conv2d(C, C, 1)
        self.left, self.right = 0.9, (1, 0.8)

    def forward(self, images):
        chances = torch.zeros(len(images), C, *images.shape[-2:])
        half = images.shape[-1] // 2
        for place, (label, sure) in ((slice(half), (0, self.left)), (slice(half, None), self.right)):
            chances[..., place] = (1 - sure) / (C - 1)
            chances[:, label, :, place] = sure
        return SegmenterOutput(chances.log(), chances.log())


def test_how_sure_it_must_be_follows_how_sure_it_was_in_looks_that_hold_a_class():
    teacher = Teacher(Says(), TeacherConfig(threshold=0.8))
    shown, looks = photos(), {0: [], 1: []}
    shown.labels.fill_(0)
    for look in range(30):
        teacher.network.left = 0.9 if look % 2 else 0.95
        rare = look % 10 == 0  # in one look of ten; in the others the right half is of class 0, too
        teacher.network.right = (1, 0.6 if look < 15 else 0.7) if rare else (0, teacher.network.left)
        looks[0].append(teacher.network.left)
        looks[1] += [teacher.network.right[1]] if rare else []
        teacher.look(shown)

    def mean(values: list[float]) -> float:
        shares = [0.99**age for age in reversed(range(len(values)))]
        return sum(share * value for share, value in zip(shares, values, strict=True)) / sum(shares)

    expected = torch.tensor([0.8, 0.8 * mean(looks[1]) / mean(looks[0]), *[0.8] * (C - 2)])
    torch.testing.assert_close(teacher.thresholds(), expected)


def test_a_class_that_it_says_for_the_first_time_is_held_against_how_sure_it_is_of_others():
    teacher, shown, heard = Teacher(Says(), TeacherConfig(threshold=0.9)), photos(), []
    shown.labels.fill_(0)
    teacher.network.left = 0.95
    for sure in (0.8, 0.8, 0.6):
        teacher.network.right = (1, sure)
        seen = teacher.look(shown)
        heard.append(seen.sure[..., W // 2 :].all().item())
        assert seen.sure[..., : W // 2].all() and seen.sure[..., W // 2 :].any().item() == heard[-1]
    assert heard == [False, True, False]


def test_it_goes_on_with_what_it_saw_and_without_what_an_earlier_version_kept():
    first, other = Teacher(Says(), TeacherConfig()), Teacher(Says(), TeacherConfig())
    first.look(photos())
    other.restore(torch.full((C,), 0.1))
    assert torch.equal(other.thresholds(), torch.full((C,), 0.9))
    other.restore(first.seen)
    assert torch.equal(other.thresholds(), first.thresholds())


def test_before_its_start_it_only_learns_how_sure_it_is():
    method, config = build("target_only", "train.ema=0.9", "data.unlabelled=undrawn", "teacher.start=0.5")
    method.teacher = Teacher(Sees(20.0), config.teacher)
    torch.manual_seed(5)
    result = method(batch(1, 0), batch(2), 0, photos())
    torch.manual_seed(5)
    assert torch.equal(result.loss, method.learn(batch(1, 0), batch(2), 0).loss)
    assert set(result.logs) == {"loss_target"} and method.teacher.seen.any()


def test_its_weight_rises_after_the_start():
    teacher = Teacher(Sees(1.0), TeacherConfig(weight=2.0, start=0.2))
    assert [teacher.weight(p) for p in (0.0, 0.2, 0.3, 0.4, 1.0)] == pytest.approx([0, 0, 1, 2, 2])
    assert Teacher(Sees(1.0), TeacherConfig(start=0.0)).weight(0.0) == 1.0
    late = Teacher(Sees(1.0), TeacherConfig(start=0.7))
    assert [late.weight(p) for p in (0.7, 0.85, 1.0)] == pytest.approx([0, 0.5, 1])
    assert Teacher(Sees(1.0), TeacherConfig(start=1.0)).weight(0.99) == 0


@pytest.mark.parametrize("name", ["target_only", "joint", "hrs", "mixing"])
def test_it_stacks_on_a_method_and_moves_its_network_alone(name):
    method, config = build(name, "train.ema=0.9", "data.unlabelled=undrawn")
    torch.manual_seed(5)
    without = one_step(method, config)
    method.teacher = Teacher(Sees(20.0), config.teacher)
    torch.manual_seed(5)
    source, target = (batch(seed, count) for seed, count in zip((1, 2), method.counts(config, 9), strict=True))
    result = method(source, target, 9, photos())
    assert result.logs["loss_unlabelled"] > 0 and result.logs["teacher_sure"] == 1
    expected = without.loss + config.teacher.weight * result.logs["loss_unlabelled"]
    torch.testing.assert_close(result.loss.detach(), expected.detach())
    result.loss.backward()
    assert all(p.grad is not None for p in method.segmenter.parameters())
    assert all(p.grad is None for p in method.teacher.network.parameters())


def test_how_sure_it_is_is_said_of_the_photos_alone():
    method, config = build("target_only", "train.ema=0.9", "data.unlabelled=undrawn", "teacher.start=0")
    method.teacher = Teacher(Sees(6.0), config.teacher)  # surer than it must be, though not wholly sure
    shown = photos()
    assert (shown.labels == IGNORE).any()
    assert method(batch(1, 0), batch(2), 9, shown).logs["teacher_sure"] == 1


def test_running_statistics_stay_those_of_the_labelled_images():
    method, config = build("target_only", "train.ema=0.9", "data.unlabelled=undrawn")
    alone, _ = build("target_only")
    alone.segmenter.load_state_dict(method.segmenter.state_dict())
    method.teacher = Teacher(Sees(20.0), config.teacher)
    method(batch(1, 0), batch(2), 9, photos())
    alone(batch(1, 0), batch(2), 9)
    moved = dict(alone.segmenter.named_buffers())
    for name, value in method.segmenter.named_buffers():
        assert name.endswith("num_batches_tracked") or torch.equal(value, moved[name]), name


def test_no_teacher_without_an_average():
    with pytest.raises(HRSError, match=r"set train\.ema"):
        load_config({"data": {"unlabelled": "undrawn"}})
    method, _ = build("joint")
    assert method.teacher is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.n_real=", r"an empty data\.n_real draws all images; name a number of them, or a folder of photos"),
        ("teacher.start=1", r"teacher\.start is 1, so the teacher .* would never begin"),
    ],
)
def test_a_teacher_that_could_not_act_is_refused(override, message):
    taught = ("data.unlabelled=undrawn", "train.ema=0.9")
    with pytest.raises(HRSError, match=message):
        load_config(None, (*taught, override))
    assert load_config(None, taught) and load_config(None, (override,))


@pytest.mark.parametrize("degrees", [30, -75, 120])
def test_hues_turn_as_on_the_colour_wheel(degrees):
    """At 120 degrees the channels change places; grey and the sum of channels stay; small turns go colorsys's way."""
    matrix = hue_matrix(torch.tensor([math.radians(degrees)]))[0]
    torch.testing.assert_close(matrix @ torch.ones(3), torch.ones(3))
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(3), atol=1e-6, rtol=0)
    if degrees == 120:
        torch.testing.assert_close(matrix @ torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0]), atol=1e-6, rtol=0)
    turned = (matrix @ torch.tensor([0.8, 0.4, 0.4])).tolist()
    hue = colorsys.rgb_to_hsv(*turned)[0]
    assert (hue - degrees / 360 + 0.5) % 1 - 0.5 == pytest.approx(0, abs=0.03)


def test_a_blur_is_the_gaussian_of_each_image():
    torch.manual_seed(0)
    images = torch.rand(2, 3, 12, 12)
    sigma = torch.tensor([1.2, 0.05])
    got = blur(images, sigma)
    torch.testing.assert_close(got[1], images[1])
    weights = torch.tensor([math.exp(-0.5 * (k / 1.2) ** 2) for k in range(-3, 4)])
    weights = torch.outer(weights, weights) / weights.sum() ** 2
    slow = sum(weights[y, x] * images[0, 1, 2 + y, 3 + x] for y in range(7) for x in range(7))
    torch.testing.assert_close(got[0, 1, 5, 6], slow)


def test_strong_colours_differ_by_image_and_keep_type_and_grey():
    torch.manual_seed(0)
    images = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8).expand(40, 3, 16, 16)
    changed = strong_colours(images)
    assert changed.dtype == torch.uint8 and changed.shape == images.shape
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 40
    grey = ((changed.float() - changed.float().mean(1, keepdim=True)).abs().amax((1, 2, 3)) <= 1).float().mean()
    assert 0.05 < grey < 0.4

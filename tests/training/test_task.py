from hrs.training.task import open_real
from tests.conftest import tiny_config


def drawn(frames, *overrides: str) -> list[str]:
    return [frame.id for frame in open_real(tiny_config(frames, *overrides)).target.frames]


def test_the_seed_of_the_run_draws_its_real_images(frames):
    draws = [drawn(frames, f"seed={seed}") for seed in (0, 0, 1, 2, 3)]
    assert all(len(draw) == 3 for draw in draws)
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) > 1


def test_without_a_number_all_real_images_are_trained_on(frames):
    assert len(drawn(frames, "data.n_real=null")) == 6

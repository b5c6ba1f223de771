from __future__ import annotations

from transformers import TrainerCallback

import embedtune


def test_callbacks_and_arguments_reach_the_trainer(train):
    seen = []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            seen.append((state.global_step, args.optim, args.gradient_accumulation_steps))

    arguments = {"gradient_accumulation_steps": 2, "optim": "sgd", "report_to": "tensorboard"}
    run, _, record = train.again(method="lora", n_evals=2, trainer_args=arguments, callbacks=[Watch()])
    n_steps = record.steps
    assert seen == [(step, "sgd", 2) for step in range(1, n_steps + 1)]
    assert n_steps == -(-(record.pairs // 8) // 2)
    assert [int(step) for step in record.dev.by_step] == [n_steps // 2, n_steps]
    assert list((run / "logs" / "lora").rglob("events.out.tfevents.*"))
    assert not (run / ".checkpoints").exists()
    assert (
        embedtune.train(
            embedtune.TrainConfig(**{**train.settings, "method": "lora", "n_evals": 2, "trainer_args": arguments}), run
        ).status
        == "skipped"
    )

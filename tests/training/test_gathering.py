import torch

from embedtune.processes import Place, launched, share, together
from embedtune.training.gathering import gathered
from tests.forks import in_forks

ROWS = torch.arange(15.0).reshape(5, 3).sin()


def loss_of(rows):
    return (rows @ rows.T).softmax(dim=1).diagonal().log().sum()


def test_each_process_sees_all_rows_and_gets_the_gradient_of_its_own_times_their_number():
    @together()
    def gather_and_differentiate():
        own = share(ROWS, launched()).clone().requires_grad_()
        whole = gathered(own)
        loss_of(whole).backward()
        return whole.tolist(), own.grad.tolist()

    alone = ROWS.clone().requires_grad_()
    loss_of(alone).backward()
    for rank, (whole, gradient) in enumerate(in_forks(2, gather_and_differentiate)):
        assert whole == ROWS.tolist()
        assert torch.allclose(torch.tensor(gradient), 2 * share(alone.grad, Place(rank, 2)))


def test_numbers_of_rows_are_gathered_too():
    @together()
    def gather_numbers():
        return gathered(share(torch.arange(5), launched())).tolist()

    assert in_forks(2, gather_numbers) == [[0, 1, 2, 3, 4]] * 2


def test_a_process_alone_has_its_own_rows():
    assert gathered(ROWS) is ROWS

import torch

from lexiseg.training.mini.sam2.loss import OBJECT, object_loss


def test_objects_and_nothing_count_alike() -> None:
    there, nothing = torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[0.3]])
    high = -there.sigmoid().log().mean()
    low = -(1 - nothing.sigmoid()).log().mean()
    torch.testing.assert_close(object_loss(there, nothing), OBJECT * (high + low) / 2)

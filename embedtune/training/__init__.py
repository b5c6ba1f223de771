"""Fine-tuning: quantised frozen weights, LoRA, contrastive loss, interpolation, merging."""

"""Fine-tune embedding models: losses, trainer, methods, and selection on dev."""

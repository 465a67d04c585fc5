"""Fine-tuning: the backbone itself learns on, from where a head on its frozen features ended."""

"""What a message costs: plugins, pricing book, segmentation, quotes."""

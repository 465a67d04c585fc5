"""How the shipped backbone is made: `python -m tools.pretrain --help`.

It starts from two networks trained on ImageNet, side by side, and is tuned on aerial images: to name the classes that are
known, to see one place alike at two dates, and to keep what the two networks saw in the unspoilt image although it is
turned, shrunken, blurred, relit and recoloured. The last fifth of every class is kept out of all of it, for honest figures.
"""

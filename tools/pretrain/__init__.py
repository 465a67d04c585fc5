"""How the shipped models are made: `python -m tools.pretrain --help`.

The network is a published one, trained on ImageNet, and is not trained further. What is fitted here are heads on its features
of three collections of labelled images, in views that show what other surveys look like. The last fifth of every class is kept
out of all of it, and collections are held out whole in turn, for honest figures.
"""

"""How the shipped backbone is made: `python -m landuse.models.pretrain --help`.

Views of aerial images are rendered at many pixel sizes; a teacher trained on ImageNet says what it sees in each; the
student learns to see the same in spoilt copies of the views (light, colour, blur), and the class names where there are
any. The last fifth of every class is kept out of all of it, for an honest figure.
"""

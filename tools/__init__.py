"""What maintainers run and users do not need: the made landscape and the training of the models that ship."""

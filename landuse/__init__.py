"""Land-use maps and trustworthy change from survey years of aerial imagery.

The stages are ``tile``, ``train``, ``classify``, ``diff`` and ``evaluate``: each is a module with one public function of
its name. Nothing heavy is imported here.
"""

__version__ = "0.1.0"
